package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/internal/apikey"
)

// API is the REST API that the daemon serves on Config.Listen.
type API struct {
	TLS               TLS           `yaml:"tls"`
	InsecurePlaintext bool          `yaml:"insecure_plaintext"`
	URL               string        `yaml:"url"`
	Hosts             []string      `yaml:"hosts"`
	TrustedProxies    []string      `yaml:"trusted_proxies"`
	CORSOrigins       []string      `yaml:"cors_origins"`
	Export            bool          `yaml:"export"`
	Limits            APILimits     `yaml:"limits"`
	AWSIdentities     []AWSIdentity `yaml:"aws_identities"`
	ServerID          string        `yaml:"server_id"`
	KeyPrefix         string        `yaml:"key_prefix"`
}

// TLS names the files of a certificate, with its chain, and of its key.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// On reports whether the API is served over TLS.
func (t TLS) On() bool { return t.Cert != "" }

// APILimits are how many requests a second are answered. Whoever was quiet may send as many at once as Burst allows for.
type APILimits struct {
	PerKey     Rate     `yaml:"per_key"`
	PerAddress Rate     `yaml:"per_address"`
	Burst      Duration `yaml:"burst"`
}

// AWSIdentity lets an IAM user or role in without an API key.
type AWSIdentity struct {
	Account  string   `yaml:"account"`
	UniqueID string   `yaml:"unique_id"`
	Scopes   []string `yaml:"scopes"`
	Users    []string `yaml:"users"`
}

// DefaultAPI is the API without anything configured: on loopback only, without export.
func DefaultAPI() API {
	return API{Limits: APILimits{PerKey: 100, PerAddress: 500, Burst: Duration(2e9)}, KeyPrefix: "keyturn/api-keys"}
}

// CertificatePaths are the files of api.tls: a relative path starts at the configuration file's folder.
func (c *Config) CertificatePaths() (cert, key string) {
	return c.besideFile(c.API.TLS.Cert), c.besideFile(c.API.TLS.Key)
}

func (c *Config) besideFile(path string) string {
	if path == "" || c.file == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(c.file), path)
}

// TrustedProxies are the networks of api.trusted_proxies.
func (c *Config) TrustedProxies() (out []netip.Prefix) {
	for _, p := range c.API.TrustedProxies {
		if n, err := network(p); err == nil { // Validate refuses all others
			out = append(out, n)
		}
	}
	return out
}

// network reads a network, or the address of one machine.
func network(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// CheckListen says why the daemon must not listen at an address, as HOST:PORT, with these settings; nil: it may. The error goes on from
// the name of what held it.
func (c *Config) CheckListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || host != "" && host != "localhost" && net.ParseIP(host) == nil {
		return fmt.Errorf("%q is not an address with a port: write it as 127.0.0.1:9847", address)
	}
	if Loopback(address) || c.API.TLS.On() || c.API.InsecurePlaintext {
		return nil
	}
	return fmt.Errorf("%q can be reached from other machines, and secrets must not cross a network in plain text: give a certificate as "+
		"api.tls, or write it as 127.0.0.1:%s; where the network itself is safe, such as inside a pod, set api.insecure_plaintext to true",
		address, port)
}

// Loopback reports whether an address, as HOST:PORT, is one that only this machine can reach.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func (c *Config) checkAPI() error {
	a := c.API
	switch {
	case (a.TLS.Cert == "") != (a.TLS.Key == ""):
		return c.fail("api.tls", "api.tls needs both cert and key: the files of the certificate, with its chain, and of its private key")
	case a.KeyPrefix == "" || len(a.KeyPrefix) > 200 || strings.Trim(a.KeyPrefix, nameLetters+"/+=.@") != "" || strings.HasSuffix(a.KeyPrefix, "/"):
		return c.fail("api.key_prefix", "api.key_prefix %q cannot begin the name of a secret: letters, digits and /_+=.@- only, such as "+
			"\"keyturn/api-keys\"", a.KeyPrefix)
	case len(a.AWSIdentities) > 0 && a.ServerID == "":
		return c.fail("api.aws_identities", "api.aws_identities needs api.server_id, which callers sign: name this server by any text that no "+
			"other one has, such as its host name")
	case a.ServerID != "" && !serverID.MatchString(a.ServerID):
		return c.fail("api.server_id", "api.server_id %q must have 1 to 128 letters, digits and ._:/-", a.ServerID)
	}
	if u, err := url.Parse(a.URL); a.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil) {
		return c.fail("api.url", "api.url %q is not the address of a server: write it as https://keyturn.example.com", a.URL)
	}
	for i, h := range a.Hosts {
		if h == "" || strings.Trim(h, nameLetters+".:[]") != "" || strings.Contains(h, "://") {
			return c.fail(fmt.Sprintf("api.hosts[%d]", i), "api.hosts: %q is no name of a host: write it as keyturn.example.com, without port", h)
		}
	}
	for i, p := range a.TrustedProxies {
		if n, err := network(p); err != nil || n.Masked() != n {
			return c.fail(fmt.Sprintf("api.trusted_proxies[%d]", i), "api.trusted_proxies: %q is no network: write it as 10.0.0.0/8, or as the "+
				"address of one machine", p)
		}
	}
	for i, o := range a.CORSOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || o != u.Scheme+"://"+u.Host || strings.Contains(o, "*") {
			return c.fail(fmt.Sprintf("api.cors_origins[%d]", i), "api.cors_origins: %q is no origin: write it as https://console.example.com, "+
				"without path or wildcard", o)
		}
	}
	for i, id := range a.AWSIdentities {
		if err := c.checkIdentity(fmt.Sprintf("api.aws_identities[%d]", i), id); err != nil {
			return err
		}
		same := func(other AWSIdentity) bool { return other.Account == id.Account && other.UniqueID == id.UniqueID }
		if first := slices.IndexFunc(a.AWSIdentities, same); first < i {
			return c.fail(fmt.Sprintf("api.aws_identities[%d]", i), "api.aws_identities[%d] names %s of the account %s, as api.aws_identities[%d] "+
				"does: give each one entry", i, id.UniqueID, id.Account, first)
		}
	}
	return nil
}

var (
	serverID = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,128}$`)
	account  = regexp.MustCompile(`^[0-9]{12}$`)
	uniqueID = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]{12,124}$`)
)

func (c *Config) checkIdentity(path string, id AWSIdentity) error {
	switch {
	case !account.MatchString(id.Account):
		return c.fail(path, "%s.account %q is no AWS account: write its twelve digits, in quotes", path, id.Account)
	case !uniqueID.MatchString(id.UniqueID):
		return c.fail(path, "%s.unique_id %q is no unique id of a user or role: it begins with AIDA or AROA; `aws iam get-role` shows it as "+
			"RoleId. Names are not taken, as whoever deletes a role and makes it anew would inherit its rights", path, id.UniqueID)
	case len(id.Scopes) == 0:
		return c.fail(path, "%s.scopes is empty: say what it may do, such as [credentials:read]", path)
	}
	for _, s := range id.Scopes {
		scope, err := apikey.ParseScope(s)
		if err != nil {
			return c.fail(path+".scopes", "%s.scopes: there is no scope %q; the scopes are %s", path, s, scopeNames())
		}
		if scope.AboutUsers() && len(id.Users) == 0 {
			return c.fail(path, "%s.users is empty, and the scope %s is about users: name them, or [\"*\"] for all", path, scope)
		}
	}
	if i := slices.IndexFunc(id.Users, func(g string) bool { return !userGlob.MatchString(g) }); i >= 0 {
		return c.fail(path+".users", "%s.users: %q is no user and no glob: write NAME or ACCOUNT:NAME, with * for any text", path, id.Users[i])
	}
	return nil
}

func scopeNames() string {
	names := make([]string, len(apikey.Scopes))
	for i, s := range apikey.Scopes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

var userGlob = regexp.MustCompile(`^([0-9*?]{1,12}:)?[A-Za-z0-9_+=,.@*?-]{1,64}$`)
