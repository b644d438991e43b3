package awssim

import (
	"fmt"
	"strings"
	"time"
)

// rootKey is an access key of the root user. Nothing can be signed with it here: it only stands in the credential report.
type rootKey struct {
	created time.Time
	used    lastUse
}

// rootCredentials is the first row of a credential report.
func (w *World) rootCredentials(b *strings.Builder, stamp func(time.Time) string) {
	account := time.Date(2016, 3, 1, 9, 0, 0, 0, time.UTC)
	fmt.Fprintf(b, "<root_account>,arn:aws:iam::%s:root,%s,not_supported,no_information,not_supported,not_supported,true",
		w.cfg.Account, stamp(account))
	for n := range 2 {
		switch {
		case n >= len(w.rootKeys):
			b.WriteString(",false,N/A,N/A,N/A,N/A")
		case w.rootKeys[n].used.at.IsZero():
			fmt.Fprintf(b, ",true,%s,N/A,N/A,N/A", stamp(w.rootKeys[n].created))
		default:
			k := w.rootKeys[n]
			fmt.Fprintf(b, ",true,%s,%s,%s,%s", stamp(k.created), stamp(k.used.at), k.used.region, k.used.service)
		}
	}
	b.WriteString(",false,N/A,false,N/A\n")
}

// CreateRootKey gives the root user an Active access key, which the next credential report tells of. A service says that it was used
// there, just now; "": it never was.
func (p *People) CreateRootKey(service string) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rootKeys) >= keysPerUser {
		return fail(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
	}
	k := rootKey{created: w.now()}
	if service != "" {
		k.used = lastUse{w.now(), service, w.cfg.Regions[0]}
	}
	w.rootKeys = append(w.rootKeys, k)
	return nil
}

// SetConsolePassword gives a user a password for the AWS console, which the next credential report tells of.
func (p *People) SetConsolePassword(user string) error {
	return p.onUser(user, func(s *userSlot, now time.Time) error {
		s.edit(p.w, now, func(u *userState) { u.console = now })
		return nil
	})
}
