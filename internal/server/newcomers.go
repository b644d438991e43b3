package server

import (
	"context"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/rotation"
)

// newcomers are users that were made since the server asked last who there is. Only for a key that may see everybody AWS is asked again:
// else the time that it takes would tell a hidden user from an absent one. Names that are not there in
// AWS either are few, so that nobody has keyturn ask AWS all the time.
type newcomers struct {
	mu   sync.Mutex
	vain []time.Time // when names were asked for that are not there, the last ones
}

// So many names that are not there are asked for within a minute: slips of people.
const (
	vainMost   = 5
	vainWithin = time.Minute
)

func (n *newcomers) may(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.vain) < vainMost || now.Sub(n.vain[0]) >= vainWithin
}

func (n *newcomers) missed(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.vain = append(n.vain, now)
	n.vain = n.vain[max(0, len(n.vain)-vainMost):]
}

// userNow is user for what reads AWS anyway: it finds one that was made a moment ago.
func (s *Server) userNow(ctx context.Context, name string) (rotation.User, error) {
	c := callOf(ctx)
	u, err := s.user(c, name)
	if !isUnknown(err) || !everybody(c.caller) || !s.newcomers.may(s.Now()) {
		return u, err
	}
	ahead, err := s.Desk.Plan(ctx, 1, api.DeskName(name))
	if isUnknown(err) {
		s.newcomers.missed(s.Now())
	}
	if err != nil || len(ahead) != 1 {
		return rotation.User{}, err
	}
	return ahead[0].User, nil
}
