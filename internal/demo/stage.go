package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// stage is the show under way: the world, keyturn, and the consumers.
type stage struct {
	world    *world
	cfg      *config.Config // sped up
	limits   rotation.Limits
	fleet    *fleet.Fleet
	now      func() time.Time // AWS's time, as keyturn knows it
	board    *board
	audience *audience
	staged   bool   // users come one after the other
	env      string // file with exports for a second terminal
	close    []func()

	scenes   []scene
	entered  bool // somebody has, since the last pass
	rechecks map[string]time.Time
	seated   map[string]bool
}

// scene is something that somebody other than keyturn's schedule does.
type scene struct {
	at  time.Time
	act func(context.Context) (done bool, err error)
}

// Naps between two passes: rechecks come in between, and the viewer may change anything meanwhile.
const (
	shortestNap = 15 * time.Millisecond
	longestNap  = 500 * time.Millisecond
)

// play runs keyturn until the curtain falls or until is true: passes over those who are due, again and again, and between them
// what people do. Only the lights cut a pass short.
func (st *stage) play(lights, curtain context.Context, until func() bool) error {
	for _, p := range cast {
		at := time.Now()
		if st.staged {
			at = at.Add(time.Duration(p.enters * float64(st.cfg.Schedule.RotateEvery.Interval.D())))
		}
		st.scenes = append(st.scenes, scene{at, st.enter(p)})
	}
	for curtain.Err() == nil && !until() {
		if err := st.perform(lights); err != nil {
			return err
		}
		// What just appeared is not hidden by a stale answer any more.
		if st.entered {
			st.entered = false
			pause(curtain, st.world.stale)
		}
		_, err := st.fleet.Run(lights, fleet.Pass{DueOnly: true, OnResult: func(r reconcile.Result) { st.saw(lights, r) }})
		if err != nil {
			return err
		}
		pause(curtain, st.nap())
	}
	return nil
}

// perform plays the scenes whose time has come; one that could not be played yet comes again.
func (st *stage) perform(ctx context.Context) error {
	due := st.scenes
	st.scenes = nil
	for _, s := range due {
		if time.Now().Before(s.at) {
			st.scenes = append(st.scenes, s)
			continue
		}
		done, err := s.act(ctx)
		if err != nil {
			return err
		}
		if !done {
			st.scenes = append(st.scenes, scene{time.Now().Add(longestNap / 4), s.act})
		}
	}
	return nil
}

// nap is until the earliest recheck or scene.
func (st *stage) nap() time.Duration {
	d := longestNap
	now := st.now()
	for _, at := range st.rechecks {
		// AWS's time is seen in whole seconds: before the next one a look would not find it later.
		d = min(d, wholeSecond(at).Sub(now))
	}
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
		st.board.enter(p.name)
		st.entered = true
		return true, st.world.enter(p, st.schedule(p), st.limits)
	}
}

// saw is told of every user's run.
func (st *stage) saw(ctx context.Context, res reconcile.Result) {
	name := res.User.Name
	st.rechecks[name] = res.Recheck
	r := st.board.row(name)
	if r == nil {
		return // made by the viewer; keyturn looks after it all the same
	}
	p := r.part
	st.board.result(st.schedule(p), res)
	if st.seated[name] || !promoted(res) {
		return
	}
	// The user has its first key: consumers begin, and what people have in mind for it comes in a while.
	st.seated[name] = true
	st.audience.seat(ctx, name, secretName(name), p.consumers)
	every := float64(st.schedule(p).RotateEvery)
	if p.paused {
		st.scenes = append(st.scenes, scene{time.Now().Add(time.Duration(pausedAfter * every)), st.pauseUser(p)})
	}
	if p.handMade {
		st.scenes = append(st.scenes, scene{time.Now().Add(time.Duration(handMadeAfter * every)), st.makeKey(p)})
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
	return func(ctx context.Context) (done bool, err error) {
		_, err = st.fleet.Run(ctx, fleet.Pass{
			Users:   []string{p.name},
			Request: rotation.Request{Kind: rotation.RequestPause, Why: "release freeze"},
			OnResult: func(r reconcile.Result) {
				for _, a := range r.Actions {
					done = done || a.Kind == rotation.RecordPaused
				}
				st.saw(ctx, r)
			},
		})
		return done, err
	}
}

// makeKey is somebody at the console.
func (st *stage) makeKey(p part) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		id, _, err := st.world.sim.People().CreateAccessKey(p.name)
		if err != nil {
			return false, nil // the user has two keys just now: later
		}
		st.board.say(p.name, fmt.Sprintf("somebody made the key %s by hand", short(id)), false)
		return true, nil
	}
}

// wholeSecond rounds up.
func wholeSecond(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
}
