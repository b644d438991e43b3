package server

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/rotation"
)

type exportIn struct {
	Format string `query:"format" enum:"json,csv,env" default:"json" doc:"json; csv, for spreadsheets: a field that one would take for a formula has ' before it, so programs should take another format; env: lines for a shell, named after the users."`
}

// exporter writes an export in one format.
type exporter interface {
	begin()
	add(fleet.Credential)
	// failed says of a user that it is not in the export, and why.
	failed(api.NotGiven)
	end()
}

// together is how many credentials of an export are read and put on record at once. The records of all of them are one commit, as a rule.
const together = 256

// export sends the credentials of all users that the call's key may export, as they come. Each is on record before it is sent. When one
// cannot be, or the key ends on the way, the answer breaks off in a way that no client takes for its end.
func (s *Server) export(w http.ResponseWriter, r *http.Request, c *call) {
	users, form, err := s.exported(r, c)
	if err != nil {
		s.fail(w, r, c, err)
		return
	}
	out := bufio.NewWriterSize(w, 32<<10)
	e := form(out, users)
	sent := false
	for len(users) > 0 {
		some := users[:min(together, len(users))]
		users = users[len(some):]
		c.lasts(exportStep)
		leave, waited, err := s.exportTurn(r.Context())
		if err == nil && (sent || waited) {
			if err = s.still(r.Context(), c); err != nil {
				leave()
			}
		}
		switch {
		case err != nil && sent:
			s.Log.Warn("an export was broken off, as its caller may not go on, or too many are made", "error", err)
			panic(http.ErrAbortHandler)
		case err != nil:
			s.fail(w, r, c, err)
			return
		}
		some = slices.DeleteFunc(some, func(u rotation.User) bool { return !c.sees(u) })
		c.lasts(exportStep)
		given, errs := s.giveAll(r.Context(), c, some)
		leave()
		for i, err := range errs {
			if err != nil && (!sent && errors.Is(err, kinds.ErrNoRecord) || r.Context().Err() != nil) {
				s.fail(w, r, c, err)
				return
			}
			if errors.Is(err, kinds.ErrNoRecord) {
				s.Log.Error("an export was broken off", "error", err)
				panic(http.ErrAbortHandler)
			}
			if !sent {
				w.Header()["Content-Type"] = []string{contentTypes[format(r)]}
				e.begin()
				sent = true
			}
			if err != nil {
				p := s.problemFor(c, err)
				e.failed(api.NotGiven{Account: some[i].Account, User: some[i].Name, Code: p.Code, Detail: p.Detail})
			} else {
				e.add(given[i])
			}
		}
		if out.Flush() != nil {
			return // whoever asked is gone
		}
	}
	if !sent {
		w.Header()["Content-Type"] = []string{contentTypes[format(r)]}
		e.begin()
	}
	e.end()
	_ = out.Flush()
}

// exportStep is how long the next credentials of an export may take: those that are not in memory are read at the pace of AWS's quota.
const exportStep = time.Minute

var contentTypes = map[string]string{"json": "application/json", "csv": "text/csv; charset=utf-8; header=present", "env": "text/plain; charset=utf-8"}

func format(r *http.Request) string {
	if f := r.URL.Query().Get("format"); f != "" {
		return f
	}
	return "json"
}

// exported gives who is to be in an export, and in which form.
func (s *Server) exported(r *http.Request, c *call) ([]rotation.User, func(io.Writer, []rotation.User) exporter, error) {
	if !s.settings.Load().Export {
		return nil, nil, fmt.Errorf("%w: an export of all credentials is off unless api.export is true", kinds.ErrOff)
	}
	form := map[string]func(io.Writer, []rotation.User) exporter{
		"json": func(w io.Writer, _ []rotation.User) exporter { return &jsonExport{w: w} },
		"csv":  func(w io.Writer, _ []rotation.User) exporter { return &csvExport{w: csv.NewWriter(w)} },
		"env":  func(w io.Writer, users []rotation.User) exporter { return &envExport{w: w, names: variables(users)} },
	}[format(r)]
	if form == nil || len(r.URL.Query()["format"]) > 1 {
		return nil, nil, fmt.Errorf("%w: format is json, csv or env", kinds.ErrInvalidRequest)
	}
	if s.Users == nil {
		return nil, nil, fmt.Errorf("%w: this server gives out no credentials", kinds.ErrOff)
	}
	all, err := s.Users()
	if err != nil {
		return nil, nil, err
	}
	users := make([]rotation.User, 0, len(all))
	for _, u := range all {
		if c.sees(u) {
			users = append(users, u)
		}
	}
	return users, form, nil
}

// exportTurns is how many exports read and record at once: together they leave most of the room for records to whoever reads one credential.
const exportTurns = 4

// exportTurn waits until an export may go on, which a client that takes its time keeps nobody from.
func (s *Server) exportTurn(ctx context.Context) (leave func(), waited bool, err error) {
	leave = func() { <-s.exports }
	select {
	case s.exports <- struct{}{}:
		return leave, false, nil
	default:
	}
	turn := time.NewTimer(exportStep)
	defer turn.Stop()
	select {
	case s.exports <- struct{}{}:
		return leave, true, nil
	case <-ctx.Done():
		return nil, true, ctx.Err()
	case <-turn.C:
		return nil, true, fmt.Errorf("%w: many exports are made at the same time; try again later", kinds.ErrTooFast)
	}
}

// giveAll gives many users' credentials at once.
func (s *Server) giveAll(ctx context.Context, c *call, users []rotation.User) ([]fleet.Credential, []error) {
	given, errs := make([]fleet.Credential, len(users)), make([]error, len(users))
	var all sync.WaitGroup
	for i, u := range users {
		all.Go(func() { given[i], errs[i] = s.give(ctx, c, u) })
	}
	all.Wait()
	return given, errs
}

// jsonExport is api.Export.
type jsonExport struct {
	w     io.Writer
	some  bool
	left  []api.NotGiven
	space []byte
}

func (e *jsonExport) begin() { _, _ = io.WriteString(e.w, `{"credentials":[`) }

func (e *jsonExport) add(c fleet.Credential) {
	b := e.space[:0]
	if e.some {
		b = append(b, ',')
	}
	e.some = true
	e.space = appendCredential(append(b, '\n'), c)
	_, _ = e.w.Write(e.space)
	clear(e.space)
}

func (e *jsonExport) failed(n api.NotGiven) { e.left = append(e.left, n) }

func (e *jsonExport) end() {
	if e.left == nil {
		e.left = []api.NotGiven{}
	}
	_, _ = io.WriteString(e.w, "\n],\"failed\":")
	_ = jsonFormat.Marshal(e.w, e.left)
	_, _ = io.WriteString(e.w, "}\n")
}

// csvExport is for spreadsheets (RFC 4180).
type csvExport struct{ w *csv.Writer }

func (e *csvExport) begin() {
	e.w.UseCRLF = true
	_ = e.w.Write([]string{"account", "user", "access_key_id", "secret_access_key", "expiration", "error"})
}

func (e *csvExport) row(fields ...string) {
	for i, f := range fields {
		fields[i] = noFormula(f)
	}
	_ = e.w.Write(fields)
	e.w.Flush() // into the buffer of the export
}

func (e *csvExport) add(c fleet.Credential) {
	e.row(c.User.Account, c.User.Name, c.AccessKeyID, c.SecretAccessKey.Reveal(), c.Expiration.UTC().Format(time.RFC3339), "")
}

func (e *csvExport) failed(n api.NotGiven) {
	e.row(n.Account, n.User, "", "", "", n.Code+": "+n.Detail)
}
func (e *csvExport) end() { e.w.Flush() }

// noFormula keeps a spreadsheet from calculating a field: names of users and secrets may begin with any of these.
func noFormula(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r\n", rune(field[0])) {
		return "'" + field
	}
	return field
}

// envExport is lines for a shell.
type envExport struct {
	w     io.Writer
	names map[rotation.User]string
}

func (e *envExport) begin() {}

func (e *envExport) add(c fleet.Credential) {
	name := e.names[c.User]
	fmt.Fprintf(e.w, "# %s until %s\n%s_AWS_ACCESS_KEY_ID=%s\n%s_AWS_SECRET_ACCESS_KEY=%s\n", c.User, c.Expiration.UTC().Format(time.RFC3339),
		name, shellQuote(c.AccessKeyID), name, shellQuote(c.SecretAccessKey.Reveal()))
}

func (e *envExport) failed(n api.NotGiven) {
	fmt.Fprintf(e.w, "# %s/%s: %s: %s\n", n.Account, n.User, n.Code, strings.Join(strings.Fields(n.Detail), " "))
}
func (e *envExport) end() {}

// shellQuote makes one word of a shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// variables names each user as a variable can be: in capitals, with _ for whatever a variable cannot have. Users that would have the same
// name get the number of each such sign instead, and the account, which tells them apart. Somebody else may be called just that, and gets
// numbers as well, and so on until all names differ.
func variables(users []rotation.User) map[rotation.User]string {
	out, exact := make(map[rotation.User]string, len(users)), make(map[rotation.User]bool, len(users))
	for _, u := range users {
		out[u] = variable(u.Name, false)
	}
	for again := true; again; {
		again = false
		taken := make(map[string]int, len(users))
		for _, u := range users {
			taken[out[u]]++
		}
		for _, u := range users {
			if taken[out[u]] > 1 && !exact[u] {
				out[u], exact[u], again = variable(u.Name, true)+"_"+u.Account, true, true
			}
		}
	}
	return out
}

func variable(name string, exact bool) string {
	var b strings.Builder
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		b.WriteByte('_')
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z' && !exact:
			b.WriteRune(r - 'a' + 'A')
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case exact:
			fmt.Fprintf(&b, "_%02X_", r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}
