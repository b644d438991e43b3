package rotation

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/netresearch/go-cron"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts plays the scenarios in testdata and compares what keyturn decided with what the files say. Lines that begin
// with "|" are keyturn's; all others are the scenario's, "#" begins a comment that says what is to be seen. Rewrite them with
// -update, and commit only what you understand.
//
//	schedule 10m 12m 15m         rotate_every, deactivate_after, delete_after; may change at any time
//	cron 7d 8d 9d Europe/Berlin 0 3 * * SUN
//	limits max_recheck=24h …     set before the first look
//	start 2026-03-27T00:00:00Z   all other times count from here
//	key K0 10d [Inactive]        a key that stood before, so old
//	existing secret names K0     a secret that stood before, with somebody's value; allow existing: take it into use
//	at 12m                       time passes, and nobody looks
//	look                         one look; ask rotate|rollback|revoke|adopt|pause|resume …: one look with that request
//	run until 31m                looks whenever a recheck is due; those that do nothing new are not printed
//	person …                     somebody's act: creates|deactivates|reactivates|deletes|adopted K, edits secret to K,
//	                             moves current to K, strips TAG|all tags, sets TAG VALUE, recreates user
//	crash before|after ACTION    the next such action; fails: without effect; lost: with effect, without an answer
//	verify ok|not-yet|never      what STS says of keys
//	cost 5s                      every action takes so long from now on
//	stale keys|secret 40s        the next look sees these as they were so long ago
//	unreadable|readable READ     keys, last-used, versions, value
//	in-use K0 s3 | used K0 s3    used all the time from now on | used once, now;  idle K0: not any more
//	freeze 9m 25m WHY | thaw     scheduled changes are frozen between these times; until ?: nobody knows how long | no more
//	database lost                the journal is gone; leave care: the user is not selected any more
//	consumer                     reads the current key; consumer stale 40s: from an answer so old
//	forecast 6                   the next major steps
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			was, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, line: 0}
			is := p.play(string(was))
			for _, v := range p.w.violations {
				t.Errorf("%s: %s", file, v)
			}
			switch {
			case bytes.Equal(was, is):
			case *update:
				if err := os.WriteFile(file, is, 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: keyturn decides otherwise than the file says:\n%s", file, firstDifference(string(was), string(is)))
			}
		})
	}
}

func firstDifference(was, is string) string {
	a, b := strings.Split(was, "\n"), strings.Split(is, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n  file:    %s\n  keyturn: %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("the file has %d lines, keyturn gives %d", len(a), len(b))
}

// player reads one transcript.
type player struct {
	t    *testing.T
	line int
	w    *world
	out  strings.Builder
	last string // what the last printed look decided
	next time.Time
}

func (p *player) play(text string) []byte {
	p.w = newWorld(Schedule{}, DefaultLimits(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	for line := range strings.Lines(text) {
		p.line++
		if strings.HasPrefix(line, "|") {
			continue
		}
		p.out.WriteString(line)
		if words := strings.Fields(strings.Split(line, "#")[0]); len(words) > 0 {
			if err := p.do(words); err != nil {
				p.t.Fatalf("line %d: %s: %v", p.line, strings.TrimSpace(line), err)
			}
		}
	}
	return []byte(p.out.String())
}

func (p *player) printf(format string, args ...any) {
	p.out.WriteString(strings.TrimRight("| "+fmt.Sprintf(format, args...), " ") + "\n")
}

func (p *player) do(words []string) error {
	w, arg := p.w, func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	var err error
	duration := func(i int) time.Duration {
		d, e := readDuration(arg(i))
		err = errors.Join(err, e)
		return d
	}
	switch words[0] {
	case "schedule":
		w.s = Schedule{RotateEvery: duration(1), DeactivateAfter: duration(2), DeleteAfter: duration(3)}
		return errors.Join(err, w.s.Validate(w.l))
	case "cron":
		w.s = Schedule{RotateEvery: duration(1), DeactivateAfter: duration(2), DeleteAfter: duration(3), TimeZone: arg(4)}
		w.s.Cron = strings.Join(words[5:], " ")
		next, e := cron.ParseStandard("CRON_TZ=" + w.s.TimeZone + " " + w.s.Cron)
		if e != nil {
			return e
		}
		w.s.Next = next.Next
		return errors.Join(err, w.s.Validate(w.l))
	case "limits":
		return p.limits(words[1:])
	case "start":
		w.start, err = time.Parse(time.RFC3339, arg(1))
		w.now, w.quiet = w.start, w.start.Add(-24*time.Hour)
	case "key":
		k := Key{arg(1), Active, w.now.Add(-duration(2))}
		if arg(3) != "" {
			k.Status = KeyStatus(arg(3))
		}
		w.o.Keys = append(w.o.Keys, k)
		w.truth.handedOut[k.ID] = true
	case "existing":
		w.personEdits(arg(3))
	case "allow":
		w.o.ExistingAllowed = true
	case "at":
		d := duration(1)
		if w.start.Add(d).Before(w.now) {
			return fmt.Errorf("it is %s already", w.clock())
		}
		w.now = w.start.Add(d)
	case "clock":
		w.now = w.now.Add(duration(1))
	case "cost":
		each := duration(1)
		w.cost = func(Action) time.Duration { return each }
	case "look":
		p.look(Request{}, true)
	case "ask":
		p.look(Request{Kind: RequestKind(arg(1)), KeyID: arg(2), Why: strings.Join(words[min(len(words), 3):], " ")}, true)
	case "run":
		p.runUntil(w.start.Add(duration(2)))
	case "person":
		return p.person(words[1:])
	case "crash":
		w.fault = fault{ActionKind(arg(2)), "crash-" + arg(1)}
	case "fails", "lost":
		w.fault = fault{ActionKind(arg(1)), words[0]}
	case "verify":
		w.verify = map[string]verdict{"ok": works, "not-yet": notYet, "never": hopeless}[arg(1)]
	case "stale":
		w.staleFor, w.stale[arg(1)] = duration(2), true
	case "unreadable", "readable":
		w.unread[arg(1)] = words[0] == "unreadable"
	case "in-use":
		w.inUse[arg(1)] = arg(2)
	case "idle":
		delete(w.inUse, arg(1))
	case "used":
		w.uses[arg(1)] = LastUse{w.now, arg(2), "eu-west-1"}
	case "database":
		w.quiet, w.witness = time.Time{}, map[string]Witness{}
	case "leave":
		w.o.LeaveCare = true
	case "freeze":
		f := frozen{from: w.start.Add(duration(1)), Freeze: Freeze{Why: strings.Join(words[3:], " ")}}
		if arg(2) != "?" {
			f.Until = w.start.Add(duration(2))
		}
		w.freezes = append(w.freezes, f)
	case "thaw":
		w.freezes = nil
	case "consumer":
		stale := time.Duration(0)
		if arg(1) == "stale" {
			stale = duration(2)
		}
		id, until := w.handOut(stale)
		p.printf("%-8s a consumer gets %s until %s", w.clock(), id, Duration(until.Sub(w.start)))
	case "forecast":
		return p.forecast(arg(1))
	default:
		return fmt.Errorf("no such word: %s", words[0])
	}
	return err
}

func (p *player) limits(words []string) error {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		d, err := readDuration(value)
		if err != nil {
			return err
		}
		field := map[string]*time.Duration{"max_recheck": &p.w.l.MaxRecheck, "legacy_quiet": &p.w.l.LegacyQuiet,
			"max_hold": &p.w.l.MaxHold, "settle": &p.w.l.Settle}[name]
		if field == nil {
			return fmt.Errorf("no such limit: %s", name)
		}
		*field = d
	}
	return nil
}

func (p *player) person(words []string) error {
	w, last := p.w, words[len(words)-1]
	switch words[0] {
	case "creates":
		w.personCreates(last)
	case "deactivates", "reactivates":
		status := map[string]KeyStatus{"deactivates": Inactive, "reactivates": Active}[words[0]]
		if !w.personSets(last, status) {
			return fmt.Errorf("there is no such key in the other status")
		}
	case "deletes":
		w.personDeletes(last)
	case "adopted":
		w.personAdoptable(last)
	case "edits":
		w.personEdits(last)
	case "moves":
		w.personMoves(last)
	case "strips":
		w.remember()
		for _, tag := range StateTags {
			if words[1] == "all" || words[1] == tag {
				delete(w.o.Secret.Tags, tag)
			}
		}
	case "sets":
		w.remember()
		w.o.Secret.Tags[words[1]] = strings.Join(words[2:], " ")
	case "recreates":
		w.personRecreatesUser()
	case "schedules":
		w.o.Secret.PendingDeletion = true
	case "restores":
		w.o.Secret.PendingDeletion = false
	default:
		return fmt.Errorf("nobody does that: %s", words[0])
	}
	return nil
}

// runUntil looks whenever a recheck is due. A request or a person's act before it is seen at the planned recheck and no earlier.
func (p *player) runUntil(end time.Time) {
	w := p.w
	for {
		if p.next.After(w.now) {
			if p.next.After(end) {
				break
			}
			w.now = p.next
		}
		p.look(Request{}, false)
		if !p.next.After(w.now) {
			p.t.Fatalf("line %d: the recheck at %s is not later than now", p.line, w.clock())
		}
	}
	if end.After(w.now) {
		w.now = end
	}
}

// look prints classes, reason, actions and the next look.
func (p *player) look(r Request, always bool) {
	at := p.w.clock()
	d, done, err := p.w.look(r)
	var classes, actions []string
	for _, c := range d.Classes {
		word := c.ID + " " + string(c.Class)
		if c.Status != Active {
			word += " " + string(c.Status)
		}
		classes = append(classes, word)
	}
	for i, a := range done {
		word := string(a.Kind)
		if a.KeyID != "" && (i == 0 || done[i-1].KeyID != a.KeyID) {
			word += " " + a.KeyID
		}
		actions = append(actions, word)
	}
	p.next = d.Recheck
	if len(d.Actions) > 0 {
		p.next = latest(d.Recheck, p.w.quiet.Add(p.w.l.Settle))
	}
	if err != nil { // looked at again settle after the run's end
		p.next = latest(p.next, p.w.ceil().Add(p.w.l.Settle))
	}
	what := fmt.Sprintf("[%s] %s", strings.Join(classes, ", "), d.Reason)
	if d.KeyID != "" {
		what += " " + d.KeyID
	}
	if d.Detail != "" {
		what += " (" + d.Detail + ")"
	}
	if len(actions) > 0 {
		what += ": " + strings.Join(actions, ", ")
	}
	if err != nil {
		what += " — " + err.Error()
	}
	if !always && what == p.last && len(actions) == 0 {
		return
	}
	p.last = what
	p.printf("%-8s %s; next look %s", at, what, Duration(p.next.Sub(p.w.start)))
}

func (p *player) forecast(n string) error {
	count, err := strconv.Atoi(n)
	o, _ := p.w.observe(Request{}, 0)
	for _, f := range Forecast(p.w.s, p.w.l, o, count) {
		p.printf("forecast %-8s %s %s (%s)", Duration(f.At.Sub(p.w.start)), f.Action, f.KeyID, f.Reason)
	}
	return err
}

// readDuration reads what Duration prints: 90d, 1h30m, 12m.
func readDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(days)
	d := time.Duration(n) * 24 * time.Hour
	if err == nil && rest != "" {
		var more time.Duration
		more, err = time.ParseDuration(rest)
		d += more
	}
	return d, err
}
