package awsidentity

import (
	"net/netip"
	"sync"
)

// crowd counts the proofs of each address that are being checked, so that one address does not take all turns.
type crowd struct {
	mu sync.Mutex
	by map[netip.Addr]int
}

// enter takes a place, which leave gives back. With IPv6 a network of 64 bits counts as one address, as one machine has that many.
func (c *crowd) enter(a netip.Addr) (leave func(), ok bool) {
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64) // 64 is fine for every IPv6 address
		a = p.Addr()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[a] >= fromOne {
		return nil, false
	}
	if c.by == nil {
		c.by = map[netip.Addr]int{}
	}
	c.by[a]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.by[a]--; c.by[a] == 0 {
			delete(c.by, a)
		}
	}, true
}
