package fleet

import (
	"context"
	"sync"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Engine carries wake-ups from a Keeper's index to its workers. A wake-up is a hint: the index knows who is due. One that is lost is
// sent again, one that comes twice or too early finds nothing to do. [Plain] needs nothing; package engine has a queue in a database.
type Engine interface {
	// Run calls work for each user that was woken, each in a goroutine of its own, until the context ends; then it begins no work
	// any more, and returns when all that is under way is over. It is called once.
	Run(ctx context.Context, work func(rotation.User)) error
	// Wake asks for work on these users, roughly in this order, before Run as well. A user whose work has not ended is not woken a
	// second time.
	Wake(ctx context.Context, users []rotation.User) error
}

// Plain is an Engine within the process: a wake-up begins at once.
type Plain struct {
	mu    sync.Mutex
	work  func(rotation.User)    // nil before Run and after its end
	asked map[rotation.User]bool // true: at work
	all   sync.WaitGroup
}

// NewPlain makes an engine.
func NewPlain() *Plain { return &Plain{asked: map[rotation.User]bool{}} }

// Run is part of Engine.
func (p *Plain) Run(ctx context.Context, work func(rotation.User)) error {
	p.mu.Lock()
	p.work = work
	for u := range p.asked {
		p.begin(u)
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	p.work = nil
	p.mu.Unlock()
	p.all.Wait()
	return nil
}

// Wake is part of Engine.
func (p *Plain) Wake(_ context.Context, users []rotation.User) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range users {
		if _, again := p.asked[u]; again {
			continue
		}
		p.asked[u] = false
		if p.work != nil {
			p.begin(u)
		}
	}
	return nil
}

func (p *Plain) begin(u rotation.User) {
	p.asked[u] = true
	work := p.work
	p.all.Go(func() {
		work(u)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.asked, u)
	})
}
