package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/server"
	"github.com/keyturn/keyturn/internal/store"
)

// api is keyturn's REST API on a loopback address, with one key that may do everything.
type api struct {
	server *server.Server
	http   *http.Server
	url    string
	key    rotation.Sensitive
}

// openAPI serves it as `keyturn serve` does. Rates are lifted: they are in requests per second, and here a second holds a minute's work.
func (st *stage) openAPI(ctx context.Context, db *store.Store) error {
	account := st.keeper.Account()
	if _, err := account.Identity(ctx); err != nil { // from now on it knows AWS's time
		return err
	}
	ring := apikey.NewRing(apikey.Config{Vault: account.KeyVault("keyturn/api-keys"), Now: account.Now})
	every := server.Limit{PerSecond: 10_000, Burst: 10_000}
	s, err := server.New(server.Config{
		Desk: st.office, Find: st.keeper.Find, Keys: ring, Credentials: st.cache.Get, Record: db.RecordAccess, Accesses: db.Accesses,
		Users: func() ([]rotation.User, error) { return st.keeper.Users(), nil }, Replays: db, Used: db.NoteKeyUse, KeysUsed: db.KeyUses, Quota: st.office.Quota,
		Settings: server.Settings{Export: true, PerKey: every, PerAddress: every}, Version: "demo",
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting keyturn's API on 127.0.0.1: %w", err)
	}
	a := &api{server: s, url: "http://" + listener.Addr().String(),
		http: &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}}
	go func() { _ = a.http.Serve(listener) }() // ends with close, which is the only error it can have
	st.api = a
	st.close = append(st.close, func() {
		s.Close()
		_ = a.http.Close()
	})
	if _, a.key, err = ring.Create(ctx, apikey.Spec{Name: "demo", Scopes: apikey.Scopes, Users: []string{"*"}, By: "the demo"}); err != nil {
		return err
	}
	pause(ctx, st.world.stale) // or what was read from before would count for some seconds
	_, err = ring.List(ctx)
	return err
}

// container is where SDKs get a user's credentials.
func (a *api) container(user string) string { return a.url + "/v1/container/" + url.PathEscape(user) }

// Access is what a program needs to try things out.
type Access struct {
	Endpoint string `json:"aws_endpoint"`
	KeyID    string `json:"aws_access_key_id"`
	Secret   string `json:"aws_secret_access_key"`
	APIURL   string `json:"api_url,omitempty"`
	APIKey   string `json:"api_key,omitempty"` // with all scopes
	// ContainerURLs are where SDKs get each user's credentials, with APIKey as their token.
	ContainerURLs map[string]string `json:"container_urls,omitempty"`
}

// access tells of the users whose first key is there.
func (st *stage) access() Access {
	a := Access{Endpoint: st.world.endpoint, KeyID: st.world.guestID, Secret: st.world.guestSecret, APIURL: st.api.url,
		APIKey: st.api.key.Reveal(), ContainerURLs: map[string]string{}}
	for _, p := range cast {
		if p.served() {
			a.ContainerURLs[p.name] = st.api.container(p.name)
		}
	}
	return a
}

// served users get a first key soon after they enter.
func (p part) served() bool { return p.old < 2 }

// allServed reports whether each of them has one.
func (st *stage) allServed() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, p := range cast {
		if p.served() && !st.seated[p.name] {
			return false
		}
	}
	return true
}
