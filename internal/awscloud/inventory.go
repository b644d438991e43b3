package awscloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// InventoryOptions say what to read.
type InventoryOptions struct {
	// Regions are where CloudFormation stacks are looked for. Empty: the account's Regions.
	Regions []string
	// Only are the users to read; "<root_account>" is the root user. Empty: all. Those that do not exist are left out.
	Only []string
	// Care sorts the users by the configuration, by name. Nil: there is no configuration.
	Care func([]User) map[string]scan.Care
	// Step is told how far the reading is, by one goroutine at a time. Nil: nobody is.
	Step func(text string)
}

// Inventory reads the account's users and keys, and changes nothing. Users come from GetAccountAuthorizationDetails, last uses from the
// credential report; ListAccessKeys is asked for users that have keys by that report (or are under care, or not in it), and
// GetAccessKeyLastUsed for keys that it does not have. What cannot be read is a gap of the inventory. The error is for an inventory
// without any user.
func (a *Account) Inventory(ctx context.Context, o InventoryOptions) (scan.Inventory, error) {
	if len(o.Regions) == 0 {
		o.Regions = a.Regions()
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	before := a.Calls()
	o.Step("reading the users and the credential report…")
	self, err := a.Identity(ctx) // it tells bad credentials from missing permissions
	if err != nil {
		return scan.Inventory{}, err
	}
	r := &reading{a: a, o: o, inv: scan.Inventory{Account: self.Account, Regions: o.Regions}}
	var users []User
	var usersErr, reportErr error
	var asked sync.WaitGroup
	asked.Go(func() { users, usersErr = a.Users(ctx) })
	r.report, reportErr = a.credentialReport(ctx)
	asked.Wait()
	if err := ctx.Err(); err != nil {
		return scan.Inventory{}, err
	}
	if usersErr != nil && reportErr != nil {
		return scan.Inventory{}, fmt.Errorf("nothing could be read: %w; and %w", usersErr, reportErr)
	}
	if usersErr != nil {
		r.gap(scan.PartUsers, usersErr, "tags, policies and care of users are unknown, and users made since the credential report are not seen")
	}
	if reportErr != nil {
		r.gap(scan.PartReport, reportErr, "the root user's keys and the users' console passwords are unknown, and every user is asked for its keys")
	} else {
		r.inv.ReportAt = r.report.at
	}
	r.users(users, usersErr == nil)
	r.keys(ctx)
	r.lastUses(ctx)
	r.stacks(ctx)
	r.inv.At, r.inv.Calls = a.Now().UTC(), a.Calls()-before
	return r.inv, ctx.Err()
}

// reading is an inventory on its way.
type reading struct {
	a      *Account
	o      InventoryOptions
	report *report // nil: could not be read
	inv    scan.Inventory
}

func (r *reading) gap(part scan.Part, err error, consequence string) {
	g := scan.Gap{Part: part}
	text := err.Error()
	var e *rotation.CallError
	if errors.As(err, &e) {
		g.Action = e.Action
		if e.Action != "" && !strings.Contains(e.Detail, "explicit deny") { // else AWS's words say which kind of policy denies it
			text = fmt.Sprintf("%s of %s was denied: allow %s to keyturn's identity", e.Operation, e.Target, e.Action)
		}
	}
	g.Text = text + "; " + consequence
	r.inv.Gaps = append(r.inv.Gaps, g)
}

// users puts the root user and all others into the inventory: from the details, or when those are denied from the report.
func (r *reading) users(found []User, detailed bool) {
	root := scan.User{Name: rootUser, Root: true}
	rows := map[string]reported{}
	if r.report != nil {
		if u, ok := r.report.root(); ok {
			root.ARN, root.Created, root.Listed = u.arn, u.created, true
			root.Keys = rootKeys(u)
		}
		for _, u := range r.report.users {
			rows[u.name] = u
		}
	}
	if r.wanted(rootUser) {
		r.inv.Users = []scan.User{root}
	}
	if !detailed {
		for _, u := range r.report.users {
			if u.name != rootUser {
				found = append(found, User{Name: u.name, ARN: u.arn, Path: pathOf(u.arn, u.name), Created: u.created})
			}
		}
	}
	slices.SortFunc(found, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	var care map[string]scan.Care
	if r.o.Care != nil && detailed {
		care = r.o.Care(found)
	}
	for _, u := range found {
		if !r.wanted(u.Name) {
			continue
		}
		s := scan.User{Name: u.Name, Path: u.Path, ARN: u.ARN, Created: u.Created, Detailed: detailed, Tags: u.Tags, AdminWhy: u.AdminWhy,
			Allowed: u.Allowed}
		if row := rows[u.Name]; row.created.Equal(u.Created) { // else a user of that name that is no more
			s.Console = row.console
		}
		switch {
		case r.o.Care == nil:
		case detailed:
			s.Care = care[u.Name]
		default:
			s.Care.State = scan.CareUnknown
		}
		r.inv.Users = append(r.inv.Users, s)
	}
}

func (r *reading) wanted(name string) bool {
	return len(r.o.Only) == 0 || slices.Contains(r.o.Only, name)
}

func rootKeys(u reported) (keys []scan.Key) {
	for _, k := range u.keys {
		key := scan.Key{Status: rotation.Inactive, Created: k.rotated, Used: k.used, UsedKnown: true, Stack: scan.No}
		if k.active {
			key.Status = rotation.Active
		}
		keys = append(keys, key)
	}
	return keys
}

// pathOf is the IAM path in a user's ARN: arn:aws:iam::123456789012:user/service/ci → /service/.
func pathOf(arn, name string) string {
	_, rest, _ := strings.Cut(arn, ":user")
	if path := strings.TrimSuffix(rest, name); strings.HasPrefix(path, "/") && strings.HasSuffix(path, "/") {
		return path
	}
	return "/"
}

// asks reports whether a user's keys have to be asked for. Without keys by the report it has none that are older than that; users under
// care get new ones all the time.
func (r *reading) asks(u scan.User, rows map[string]reported) bool {
	if u.Root {
		return false
	}
	row, ok := rows[u.Name]
	return !ok || !row.created.Equal(u.Created) || len(row.keys) > 0 || u.Care.State == scan.InCare
}
