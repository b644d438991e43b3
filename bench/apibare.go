package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// bareAPI is what the handler that does nothing but record is told.
type bareAPI struct {
	Database string
	Answer   []byte // as keyturn answers
}

// barehandler answers every request with the same bytes, after the same record of it as keyturn makes: what net/http and the disk alone
// can do on this machine. It has no keys, no limits, no cache and no users.
func barehandler(ctx context.Context, arg string) error {
	var a bareAPI
	if err := json.Unmarshal([]byte(arg), &a); err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{Path: a.Database})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/credentials/{user}", func(w http.ResponseWriter, r *http.Request) {
		from, _ := netip.ParseAddrPort(r.RemoteAddr)
		caller := r.Header.Get("X-API-Key")
		err := db.RecordAccess(r.Context(), store.Access{At: time.Now(), Caller: caller[:min(len(caller), 12)],
			User: rotation.User{Account: "111122223333", Name: r.PathValue("user")}, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Route: r.Pattern,
			From: from.Addr()})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(a.Answer) // whoever went away needs no answer
	})
	url, err := listen(mux)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready{Endpoint: url}); err != nil {
		return err
	}
	return errors.Join(untilLeft(), db.Close())
}
