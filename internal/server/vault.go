package server

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"time"
)

// What clients of HashiCorp Vault ask for when they read static AWS credentials. What each of them does was read in its source:
//
//   - Vault: builtin/logical/aws/path_static_creds.go, the fields of data.
//   - consul-template, which is Vault Agent's template engine as well: dependency/vault_common.go. Before the first read it asks
//     sys/internal/ui/mounts/PATH whether that is a key-value store of version 2 (a 404 would do for newer ones only); a secret that is not
//     renewable is read again after 85 to 95 % of its lease_duration, after 5 minutes when that is 0; and a data with rotation_period and ttl
//     is read again at ttl alone, so neither is given.
//   - External Secrets Operator: pkg/provider/vault/auth.go and validate.go. It finds a store ready when auth/token/lookup-self answers with
//     type, ttl and expire_time; a token with less than a minute to live is taken for none. pkg/provider/vault/client_get.go reads PATH as it is for a store of version v1.
func registerVault(s *Server) {
	raw[UserPath, struct{ Body vaultAnswer[vaultCredential] }](s, "vault-credentials", s.vaultCredentials)
	raw[anyPath, struct{ Body vaultAnswer[vaultMount] }](s, "vault-mount", s.vaultMount)
	raw[struct{}, struct{ Body vaultAnswer[vaultToken] }](s, "vault-token", s.vaultLookup)
}

// anyPath is a name that need not be anybody's.
type anyPath struct {
	User string `path:"user" doc:"Whatever stands here, the answer is the same."`
}

// vaultAnswer is the envelope of all answers of Vault's.
type vaultAnswer[Data any] struct {
	RequestID     string  `json:"request_id"`
	LeaseID       string  `json:"lease_id" doc:"Always empty: it cannot be renewed or revoked."`
	Renewable     bool    `json:"renewable"`
	LeaseDuration int     `json:"lease_duration" doc:"In seconds. Read again by then."`
	Data          Data    `json:"data"`
	WrapInfo      *string `json:"wrap_info" doc:"Always null."`
	Warnings      *string `json:"warnings" doc:"Always null."`
	Auth          *string `json:"auth" doc:"Always null."`
	MountType     string  `json:"mount_type"`
}

type vaultCredential struct {
	AccessKey  string    `json:"access_key"`
	SecretKey  string    `json:"secret_key"`
	Expiration time.Time `json:"expiration" doc:"Until when the key certainly works."`
}

type vaultMount struct {
	Path        string  `json:"path"`
	Type        string  `json:"type"`
	Description string  `json:"description"`
	Options     *string `json:"options" doc:"Always null: no key-value store."`
}

type vaultToken struct {
	Type        string   `json:"type"`
	DisplayName string   `json:"display_name" doc:"The name of the API key."`
	Policies    []string `json:"policies" nullable:"false" doc:"Its scopes."`
	TTL         int64    `json:"ttl" doc:"Seconds until it expires; 0: it does not."`
	ExpireTime  *string  `json:"expire_time" format:"date-time" doc:"When it expires; null: it does not."`
	Renewable   bool     `json:"renewable"`
	Orphan      bool     `json:"orphan"`
}

func envelope[Data any](d Data, lease time.Duration, mount string) vaultAnswer[Data] {
	return vaultAnswer[Data]{RequestID: requestID(), LeaseDuration: int(lease / time.Second), Data: d, MountType: mount}
}

// requestID is a UUID of version 4.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// vaultLease is for how long a client keeps what it read, which is until it is read again, whatever happens meanwhile: a client may have read
// just before a promotion, and its key goes on for the grace from then on. Half of it leaves time to try again.
func vaultLease(grace time.Duration, left time.Duration) time.Duration {
	return max(time.Second, min(grace/2, left))
}

func (s *Server) vaultCredentials(w http.ResponseWriter, r *http.Request, c *call) {
	got, err := s.handOut(r.Context(), c, r.PathValue("user"))
	if err != nil {
		s.fail(w, r, c, err)
		return
	}
	s.answer(w, r, c, envelope(vaultCredential{got.AccessKeyID, got.SecretAccessKey.Reveal(), got.Expiration.UTC().Truncate(time.Second)},
		vaultLease(got.Grace, got.Expiration.Sub(s.Now())), "aws"))
}

// vaultMount says the same of every path: it tells nothing of users.
func (s *Server) vaultMount(w http.ResponseWriter, r *http.Request, c *call) {
	s.answer(w, r, c, envelope(vaultMount{Path: "aws/", Type: "aws", Description: "AWS access keys, rotated by keyturn"}, 0, "system"))
}

// vaultLookup describes the API key of the request.
func (s *Server) vaultLookup(w http.ResponseWriter, r *http.Request, c *call) {
	t := vaultToken{Type: "service", DisplayName: c.caller.Name, Policies: []string{}, Orphan: true}
	for _, scope := range c.caller.Scopes {
		t.Policies = append(t.Policies, string(scope))
	}
	if at := c.caller.Expires; !at.IsZero() {
		text := at.UTC().Format(time.RFC3339)
		t.TTL, t.ExpireTime = int64(max(0, at.Sub(s.Now())).Seconds()), &text
	}
	s.answer(w, r, c, envelope(t, 0, "token"))
}

// answer sends a value as JSON.
func (s *Server) answer(w http.ResponseWriter, _ *http.Request, _ *call, v any) {
	h := w.Header()
	h["Content-Type"] = jsonType
	_ = jsonFormat.Marshal(w, v) // whoever asked may be gone
}
