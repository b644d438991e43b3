package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// stage is the show under way: the world, keyturn, and the consumers.
type stage struct {
	world    *world
	cfg      *config.Config // sped up
	limits   rotation.Limits
	keeper   *fleet.Keeper
	office   *fleet.Office
	board    *board
	audience *Audience
	staged   bool   // users come one after the other
	env      string // file with exports for a second terminal, for the administrator
	app      string // and for an application
	api      *api
	cache    *credentials.Cache // of current keys, for the API
	// serving is told once, when every user that will have a key has its first one; nil: nobody is.
	serving func(Access) error
	close   []func()
	lights  context.Context // the consumers'; set before the Keeper runs

	entered bool // somebody has, since the last discovery

	mu     sync.Mutex // results come from the Keeper's runs
	scenes []scene
	seated map[string]bool
}

// scene is something that somebody other than keyturn's schedule does.
type scene struct {
	at  time.Time
	act func(context.Context) (done bool, err error)
}

// Naps between two discoveries: the viewer may change anything meanwhile.
const (
	shortestNap = 15 * time.Millisecond
	longestNap  = 500 * time.Millisecond
)

// play runs keyturn, as `keyturn serve` does, until the curtain falls or until is true, and meanwhile what people do. Runs that are
// under way then end their steps. The lights are the consumers'.
func (st *stage) play(lights, curtain context.Context, until func() bool) error {
	st.lights = lights
	for _, p := range cast {
		at := time.Now()
		if st.staged {
			at = at.Add(time.Duration(p.enters * float64(st.cfg.Schedule.RotateEvery.Interval.D())))
		}
		st.later(at, st.enter(p))
	}
	working, end := context.WithCancel(curtain)
	defer end()
	var ran chan error // nil: the Keeper does not run yet
	for curtain.Err() == nil && !until() {
		if err := st.perform(lights); err != nil {
			return err
		}
		// What just appeared is not hidden by a stale answer any more.
		if st.entered {
			st.entered = false
			pause(curtain, st.world.stale)
		}
		if st.serving != nil && st.allServed() {
			tell := st.serving
			st.serving = nil
			if err := tell(st.access()); err != nil {
				return err
			}
		}
		// Nobody else discovers: a user that is just entering is not seen half.
		if err := st.keeper.Sweep(lights); err != nil {
			return err
		}
		if ran == nil {
			ran = make(chan error, 1)
			go func() { ran <- st.keeper.Run(working) }()
		}
		pause(curtain, st.nap())
	}
	end()
	if ran == nil {
		return nil
	}
	return <-ran
}

// later adds a scene.
func (st *stage) later(at time.Time, act func(context.Context) (bool, error)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.scenes = append(st.scenes, scene{at, act})
}

// perform plays the scenes whose time has come; one that could not be played yet comes again.
func (st *stage) perform(ctx context.Context) error {
	st.mu.Lock()
	due := st.scenes
	st.scenes = nil
	st.mu.Unlock()
	for _, s := range due {
		if time.Now().Before(s.at) {
			st.later(s.at, s.act)
			continue
		}
		done, err := s.act(ctx)
		if err != nil {
			return err
		}
		if !done {
			st.later(time.Now().Add(longestNap/4), s.act)
		}
	}
	return nil
}

// nap is until the next scene.
func (st *stage) nap() time.Duration {
	st.mu.Lock()
	defer st.mu.Unlock()
	d := longestNap
	for _, s := range st.scenes {
		d = min(d, time.Until(s.at))
	}
	return max(d, shortestNap)
}

func (st *stage) schedule(p part) rotation.Schedule {
	s, err := st.cfg.RotationSchedule(p.schedule)
	if err != nil {
		panic(err) // the demo's own configuration, which opening the stage has compiled
	}
	return s
}

// enter is the scene in which a user appears.
func (st *stage) enter(p part) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		st.entered = true
		return true, st.world.enter(p, st.schedule(p), st.limits)
	}
}

// saw is told of every user's run.
func (st *stage) saw(l fleet.Looked) {
	name := l.Result.User.Name
	st.board.result(l.Result)
	i := slices.IndexFunc(cast, func(p part) bool { return p.name == name })
	if i < 0 || !promoted(l.Result) {
		return // keyturn looks after those that the viewer made all the same
	}
	p := cast[i]
	st.mu.Lock()
	seated := st.seated[name]
	st.seated[name] = true
	st.mu.Unlock()
	if seated {
		return
	}
	// The user has its first key: consumers begin, and what people have in mind for it comes in a while.
	st.audience.Seat(st.lights, name, secretName(name), p.consumers)
	every := float64(st.schedule(p).RotateEvery)
	if p.paused {
		st.later(time.Now().Add(time.Duration(pausedAfter*every)), st.pauseUser(p))
	}
	if p.handMade {
		st.later(time.Now().Add(time.Duration(handMadeAfter*every)), st.makeKey(p))
	}
}

func promoted(res reconcile.Result) bool {
	for _, a := range res.Actions {
		if a.Kind == rotation.PutFirst || a.Kind == rotation.Promote {
			return true
		}
	}
	return false
}

// pauseUser is an operator's request. It is refused while AWS may still give stale answers, and asked again.
func (st *stage) pauseUser(p part) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		ans, err := st.office.Do(ctx, fleet.Ask{User: p.name, Request: rotation.Request{Kind: rotation.RequestPause, Why: "release freeze"}})
		return ans.Done, err
	}
}

// makeKey is somebody at the console.
func (st *stage) makeKey(p part) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		id, _, err := st.world.sim.People().CreateAccessKey(p.name)
		if err != nil {
			return false, nil //nolint:nilerr // the user has two keys just now: later
		}
		st.board.say(p.name, fmt.Sprintf("somebody made the key %s by hand", short(id)), false)
		return true, nil
	}
}
