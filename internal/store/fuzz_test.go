package store

import (
	"net/netip"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// FuzzBatch: whatever a damaged file holds, a batch is read or refused; what was written is read.
func FuzzBatch(f *testing.F) {
	_, blob, _ := encode([]Access{access("key", alice, 0), access("key", bob, time.Second)}, map[name]int64{
		{userName, alice.Account, alice.Name}: 1, {userName, bob.Account, bob.Name}: 2, {callerName, "", "key"}: 3,
		{routeName, "", "GET /v1/credentials/{user}"}: 4})
	f.Add(blob, "AKIAIOSFODNN7EXAMPLE", "192.0.2.7", int64(1))
	f.Add(blob[:len(blob)-3], "AKIA", "::1", int64(-1))
	f.Add([]byte{}, "", "", int64(0))
	f.Fuzz(func(t *testing.T, blob []byte, key, from string, at int64) {
		w := search{until: 1<<63 - 1, before: 1<<63 - 1, most: 1 << 20}
		_ = w.look(epoch, blob)

		a := Access{At: time.UnixMicro(at), Caller: "key", User: rotation.User{Name: "u"}, AccessKeyID: key}
		a.From, _ = netip.ParseAddr(from)
		_, own, unknown := encode([]Access{a, a}, map[name]int64{{userName, "", "u"}: 1, {callerName, "", "key"}: 2, {routeName, "", ""}: 3})
		if unknown != nil {
			t.Fatalf("unknown: %v", unknown)
		}
		n := 0
		err := decode(own, func(r read) {
			n++
			addr, _ := netip.AddrFromSlice(r.from)
			if r.at != at || r.user != 1 || r.caller != 2 || r.route != 3 || addr != a.From.Unmap().WithZone("") {
				t.Fatalf("written %+v, read %+v", a, r)
			}
			if got := keyOf(r.key); got != text(key) && len(key) <= 128 {
				t.Fatalf("written %q, read %q", key, got)
			}
		})
		if err != nil || n != 2 {
			t.Fatalf("%d of 2 were read, %v", n, err)
		}
	})
}
