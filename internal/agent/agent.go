package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/client"
)

// Config is what an agent is made of.
type Config struct {
	// Upstream says where credentials come from. User and OnError are the agent's own.
	Upstream client.Config
	// Token is what who asks has to show. Needed.
	Token string
	Log   *slog.Logger // nil: nobody
}

// Agent keeps the credentials of the users that are asked for. It may be used by many goroutines.
type Agent struct {
	config Config

	mu     sync.Mutex
	users  map[string]*kept
	closed bool
}

// kept is one user's credentials.
type kept struct {
	provider *client.Provider
	named    bool      // when the agent was started: kept for ever
	asked    time.Time // when it was last asked for
}

const (
	// mostUsers bounds the memory and what is asked of the server; who has the token may ask for any name.
	mostUsers = 1000
	// unusedFor is how long a user is kept that nobody asks for. SDKs ask at least once in the hour that credentials last at most.
	unusedFor = 3 * time.Hour
)

// New makes an agent.
func New(c Config) (*Agent, error) {
	if c.Token == "" {
		return nil, errors.New("agent: Config.Token is needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	try := c.Upstream
	try.User = "nobody"
	if p, err := client.New(try); err != nil {
		return nil, err
	} else {
		p.Close()
	}
	return &Agent{config: c, users: map[string]*kept{}}, nil
}

// Keep fetches a user's credentials now, and keeps them fresh whether anybody asks or not.
func (a *Agent) Keep(ctx context.Context, user string) error {
	k, err := a.of(user, true)
	if err != nil {
		return err
	}
	_, err = k.provider.Retrieve(ctx)
	return err
}

// Close ends all fetches.
func (a *Agent) Close() {
	a.mu.Lock()
	a.closed = true
	all := a.users
	a.users = nil
	a.mu.Unlock()
	for _, k := range all {
		k.provider.Close()
	}
}

var (
	errTooMany = errors.New("the agent keeps as many users as it can")
	errClosed  = errors.New("the agent is being stopped")
)

// credentials gives a user's credentials, which are valid now. A user whom the server refuses is forgotten.
func (a *Agent) credentials(ctx context.Context, user string) (aws.Credentials, error) {
	k, err := a.of(user, false)
	if err != nil {
		return aws.Credentials{}, err
	}
	got, err := k.provider.Retrieve(ctx)
	var refused *client.Error
	if errors.As(err, &refused) && !k.named {
		a.forget(user, k)
	}
	return got, err
}

// of finds a user, or begins with it.
func (a *Agent) of(user string, named bool) (*kept, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errClosed
	}
	k := a.users[user]
	if k == nil {
		a.tidy()
		if len(a.users) >= mostUsers {
			return nil, errTooMany
		}
		c := a.config.Upstream
		c.User, c.OnError = user, a.teller()
		p, err := client.New(c)
		if err != nil {
			return nil, err
		}
		k = &kept{provider: p}
		a.users[user] = k
	}
	k.named = k.named || named
	k.asked = time.Now()
	return k, nil
}

// teller logs what is wrong with one user's fetches, once for each thing and again after a while.
func (a *Agent) teller() func(error) {
	const again = 5 * time.Minute
	var mu sync.Mutex
	var said string
	var at time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if text := err.Error(); text != said || time.Since(at) > again {
			said, at = text, time.Now()
			a.config.Log.Warn(text)
		}
	}
}

func (a *Agent) forget(user string, k *kept) {
	a.mu.Lock()
	if a.users[user] == k {
		delete(a.users, user)
	}
	a.mu.Unlock()
	k.provider.Close()
}

// tidy forgets whom nobody asks for any more. a.mu is held.
func (a *Agent) tidy() {
	for user, k := range a.users {
		if !k.named && time.Since(k.asked) > unusedFor {
			delete(a.users, user)
			go k.provider.Close() // it waits for a fetch under way
		}
	}
}

// Run tidies up every now and then until the context ends.
func (a *Agent) Run(ctx context.Context) {
	every := time.NewTicker(unusedFor / 6)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			a.mu.Lock()
			a.tidy()
			a.mu.Unlock()
		}
	}
}
