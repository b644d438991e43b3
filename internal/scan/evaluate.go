package scan

import (
	"cmp"
	"slices"
	"time"
)

// Finding is a rule that found something.
type Finding struct {
	Rule     Rule
	KeyID    string // empty: it is about the user, or a key of the root user
	Evidence string
}

// Consider is advice that fits a user.
type Consider struct {
	Advice   Advice
	Evidence string
}

// Row is what the scan says of one user.
type Row struct {
	User
	Findings []Finding  // in the order of Rules
	Open     []Finding  // rules that could not be answered, without evidence
	Consider []Consider // in the order of Advices
}

// Clean reports whether there is nothing to say of the user alone. What is unknown of everybody is a gap of the whole inventory.
func (r Row) Clean() bool {
	return len(r.Findings) == 0 && len(r.Consider) == 0 && r.Listed
}

// Count is how often one rule was found.
type Count struct {
	Rule        Rule
	Users, Keys int // keys are 0 for a rule about users
	Unknown     int // users for which it could not be answered
}

// Result is the stock of an account.
type Result struct {
	Inventory
	Rows []Row // what needs attention most first
	// Summary has every rule, in order.
	Summary []Count
}

// Evaluate applies the rules. It is a function of the inventory alone.
func Evaluate(inv Inventory) Result {
	out := Result{Inventory: inv}
	for _, u := range inv.Users {
		out.Rows = append(out.Rows, evaluate(view{u, inv.At}))
	}
	slices.SortStableFunc(out.Rows, func(a, b Row) int {
		return cmp.Or(a.rank()-b.rank(), len(b.Findings)-len(a.Findings), cmp.Compare(b.oldest(inv.At), a.oldest(inv.At)),
			cmp.Compare(a.Name, b.Name))
	})
	for _, r := range Rules {
		c := Count{Rule: r}
		for _, row := range out.Rows {
			if n := count(row.Findings, r); n > 0 {
				c.Users++
				if r.key != nil {
					c.Keys += n
				}
			}
			if count(row.Open, r) > 0 {
				c.Unknown++
			}
		}
		out.Summary = append(out.Summary, c)
	}
	return out
}

func count(fs []Finding, r Rule) (n int) {
	for _, f := range fs {
		if f.Rule.ID == r.ID {
			n++
		}
	}
	return n
}

func evaluate(u view) Row {
	row := Row{User: u.User}
	add := func(r Rule, key string, v verdict) {
		switch v.fact {
		case Yes:
			row.Findings = append(row.Findings, Finding{r, key, v.evidence})
		case Unknown:
			row.Open = append(row.Open, Finding{Rule: r, KeyID: key})
		}
	}
	for _, r := range Rules {
		switch {
		case r.user != nil:
			add(r, "", r.user(u))
		case !u.Listed && !u.Root:
			add(r, "", unclear)
		default:
			for _, k := range u.Keys {
				add(r, k.ID, r.key(u, k))
			}
		}
	}
	if u.Root || len(u.active()) == 0 {
		return row
	}
	for _, a := range Advices {
		if evidence := a.find(u); evidence != "" {
			row.Consider = append(row.Consider, Consider{a, evidence})
		}
	}
	return row
}

// rank sorts rows: by the first rule found, then what is unknown, then advice, then the rest.
func (r Row) rank() int {
	switch {
	case len(r.Findings) > 0:
		return slices.IndexFunc(Rules, func(o Rule) bool { return o.ID == r.Findings[0].Rule.ID })
	case !r.Clean() && len(r.Consider) == 0: // its keys are unknown
		return len(Rules)
	case len(r.Consider) > 0:
		return len(Rules) + 1
	}
	return len(Rules) + 2
}

func (r Row) oldest(now time.Time) (age time.Duration) {
	for _, k := range r.Keys {
		age = max(age, k.Age(now))
	}
	return age
}

// About is what a rule says of one key of the row.
func (r Row) About(rule string, k Key) Fact {
	is := func(f Finding) bool { return f.Rule.ID == rule && (f.KeyID == "" || f.KeyID == k.ID) }
	switch {
	case slices.ContainsFunc(r.Findings, is):
		return Yes
	case slices.ContainsFunc(r.Open, is):
		return Unknown
	}
	return No
}

// Of are those findings that are about a key; with the user's own when it stands for the user, as its first key does.
func (r Row) Of(all []Finding, k Key, first bool) (out []Finding) {
	for _, f := range all {
		if f.KeyID == k.ID && f.KeyID != "" || f.KeyID == "" && first {
			out = append(out, f)
		}
	}
	return out
}

// IDs are the rules of those findings.
func (r Row) IDs(all []Finding, k Key, first bool) (out []string) {
	for _, f := range r.Of(all, k, first) {
		out = append(out, f.Rule.ID)
	}
	return out
}
