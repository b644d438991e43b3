package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

// The kinds of faults. Each is one thing that AWS, the network or the machine does.
const (
	throttled  = "throttled"   // refused, no effect
	delayed    = "delayed"     // late, within the HTTP time-out
	timedOut   = "timed-out"   // given up before it took effect; it may land late
	failed     = "failed"      // a 5xx before any effect
	tookEffect = "took-effect" // a 5xx after the effect
	lostReply  = "lost-reply"  // the effect, then a broken connection
	killBefore = "kill-before" // the process dies before the call takes effect
	killAfter  = "kill-after"  // the process dies before it hears the answer
	staleRead  = "stale"       // a read answers the state of seconds ago
)

var faultKinds = []string{throttled, delayed, timedOut, failed, tookEffect, lostReply, killBefore, killAfter, staleRead}

func isRead(op string) bool {
	return strings.HasPrefix(op, "List") || strings.HasPrefix(op, "Describe") || strings.HasPrefix(op, "Get")
}

// applies reports whether a kind of fault makes sense for an operation.
func applies(kind, op string) bool {
	if kind == staleRead {
		return op == "ListAccessKeys" || op == "DescribeSecret"
	}
	if kind == tookEffect {
		return !isRead(op)
	}
	return true
}

// fate turns a kind of fault into what the simulator does.
func (w *world) fate(kind string) awssim.Fate {
	p := w.proc
	switch kind {
	case throttled:
		return awssim.Fate{Throttle: true}
	case delayed:
		return awssim.Fate{Delay: time.Duration(w.rng.Int64N(int64(9 * time.Second)))}
	case timedOut:
		return awssim.Fate{Delay: 11 * time.Second, LandLate: w.rng.IntN(2) == 0}
	case failed:
		return awssim.Fate{FailBefore: awssim.ServiceFailure}
	case tookEffect:
		return awssim.Fate{FailAfter: awssim.ServiceFailure}
	case lostReply:
		return awssim.Fate{DropReply: true}
	case killBefore:
		return awssim.Fate{Before: p.kill}
	case killAfter:
		return awssim.Fate{After: p.kill}
	case staleRead:
		return awssim.Fate{Stale: time.Second + time.Duration(w.rng.Int64N(int64(staleness-time.Second)))}
	}
	return awssim.Fate{}
}

// table counts what was disturbed: call × fault × phase.
type table struct {
	mu   sync.Mutex
	seen map[string]int // call|phase, undisturbed too
	hit  map[string]int // call|phase|fault
}

func newTable() *table { return &table{seen: map[string]int{}, hit: map[string]int{}} }

// pick draws a fault for a call, from the world's own numbers only: a seed replays by itself.
func (t *table) pick(op, phase string, draw func(n int) int) string {
	kind := faultKinds[draw(len(faultKinds))]
	for !applies(kind, op) {
		kind = faultKinds[draw(len(faultKinds))]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hit[op+"|"+phase+"|"+kind]++
	return kind
}

func (t *table) call(op, phase string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[op+"|"+phase]++
}

// common are the calls of each phase on the path that nobody disturbs; the others come up only while something is mended.
var common = map[string][]string{
	"first": {"ListAccessKeys", "DescribeSecret", "CreateSecret", "CreateAccessKey", "GetCallerIdentity", "PutSecretValue",
		"TagResource"},
	"rotate": {"ListAccessKeys", "DescribeSecret", "TagResource", "CreateAccessKey", "PutSecretValue", "GetCallerIdentity",
		"UpdateSecretVersionStage"},
	"deactivate": {"ListAccessKeys", "DescribeSecret", "UpdateAccessKey", "TagResource"},
	"delete":     {"ListAccessKeys", "DescribeSecret", "DeleteAccessKey"},
	"repair":     {"ListAccessKeys", "DescribeSecret", "TagResource"},
}

// print gives the table, and the cells that hold fewer than least.
func (t *table) print(least int) (text string, thin []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s %-25s", "phase", "call")
	for _, kind := range faultKinds {
		fmt.Fprintf(&b, " %11s", kind)
	}
	b.WriteString("\n")
	for _, phase := range []string{"first", "rotate", "deactivate", "delete", "repair"} {
		for _, op := range common[phase] {
			fmt.Fprintf(&b, "%-11s %-25s", phase, op)
			for _, kind := range faultKinds {
				if !applies(kind, op) {
					fmt.Fprintf(&b, " %11s", "-")
					continue
				}
				n := t.hit[op+"|"+phase+"|"+kind]
				fmt.Fprintf(&b, " %11d", n)
				if n < least {
					thin = append(thin, fmt.Sprintf("%s × %s × %s: %d", op, kind, phase, n))
				}
			}
			b.WriteString("\n")
		}
	}
	slices.Sort(thin)
	return b.String(), thin
}
