package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// client tells from which address a request comes. What a proxy says in X-Forwarded-For counts only if the proxy is trusted, and then the
// last address that no trusted proxy has: whatever stands before it may be the client's own invention.
func client(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap()
	if len(trusted) == 0 || !within(from, trusted) {
		return from
	}
	lines := r.Header.Values("X-Forwarded-For")
	for i := len(lines) - 1; i >= 0; i-- {
		hops := strings.Split(lines[i], ",")
		for j := len(hops) - 1; j >= 0; j-- {
			a, err := hop(strings.TrimSpace(hops[j]))
			if err != nil {
				return from // a trusted proxy does not write this: nothing before it can be believed
			}
			if from = a; !within(from, trusted) {
				return from
			}
		}
	}
	return from
}

// Trusts reports whether an address is a proxy's whose word counts.
func (s *Server) Trusts(a netip.Addr) bool { return within(a, s.settings.Load().TrustedProxies) }

// hop reads an address as proxies write it: some add a port.
func hop(s string) (netip.Addr, error) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p.Addr().Unmap(), nil
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap(), err
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
