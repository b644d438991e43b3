package scan

import "time"

// Benchmark is the version of the CIS benchmark whose numbers and titles the rules use. AWS Security Hub checks it, too.
const Benchmark = "CIS AWS Foundations Benchmark v3.0.0"

// Control is a published control, by its official number and title.
type Control struct {
	ID    string // "CIS 1.14", "IAM.3"
	Title string
}

// The controls. CIS: numbers and titles of v3.0.0. IAM.n: AWS Security Hub's.
var (
	cisRootKey   = Control{"CIS 1.4", "Ensure no 'root' user account access key exists"}
	cisFirstKey  = Control{"CIS 1.11", "Do not setup access keys during initial user setup for all IAM users that have a console password"}
	cisUnused    = Control{"CIS 1.12", "Ensure credentials unused for 45 days or greater are disabled"}
	cisOneActive = Control{"CIS 1.13", "Ensure there is only one active access key available for any single IAM user"}
	cisRotated   = Control{"CIS 1.14", "Ensure access keys are rotated every 90 days or less"}
	hubRotated   = Control{"IAM.3", "IAM users' access keys should be rotated every 90 days or less"}
	hubRootKey   = Control{"IAM.4", "IAM root user access key should not exist"}
	hubUnused90  = Control{"IAM.8", "Unused IAM user credentials should be removed"}
	hubUnused45  = Control{"IAM.22", "IAM user credentials unused for 45 days should be removed"}
)

const day = 24 * time.Hour

// The bounds of the controls, and of our own rules.
const (
	rotatedWithin = 90 * day // CIS 1.14, IAM.3
	unused45      = 45 * day // CIS 1.12, IAM.22
	unused90      = 90 * day // IAM.8
	// settled is how old a key is before "no use is on record" means anything: the report may be four hours old, and IAM's record is late.
	settled = day
	// sameTime is how soon after its user a key was made to count as made with it.
	sameTime = time.Minute
)

// Rule is one thing to find.
type Rule struct {
	ID       string // for scripts
	Label    string // for tables, short
	Means    string // for people: what is so, in at most 39 characters
	Do       string // and what to do about it
	Controls []Control
	Over     string // the id of a rule that is always found with this one, and need not be shown beside it

	user func(view) verdict // looks at a user; nil: the rule looks at keys
	key  func(view, Key) verdict
}

// Rules are all rules, what needs attention most first. Users are sorted by the first one that finds something.
var Rules = []Rule{
	{ID: "root-key", Label: "root key", Means: "the root user has an access key", Controls: []Control{cisRootKey, hubRootKey},
		Do: "delete it, signed in as the root user; it may do everything, and no policy binds it", user: rootKey},
	{ID: "stack-key-in-care", Label: "stack, in care", Means: "keyturn would rotate a stack's key", Over: "stack-key",
		Do: "add the user to `users.exclude`: the stack owns the key, and would make it again", key: stackKeyInCare},
	{ID: "smtp-user-in-care", Label: "SMTP, in care", Means: "keyturn would break an SMTP password", Over: "smtp-user",
		Do: "add it to `users.exclude`, unless its readers derive the password from each new key", user: smtpUserInCare},
	{ID: "admin-key", Label: "admin", Means: "an administrator has an Active key",
		Do: "prefer a role that is assumed for the task; whoever has the key has the account", user: adminKey},
	{ID: "overdue", Label: "overdue", Means: "a key is past its keyturn schedule",
		Do: "`keyturn status` says why: nothing runs, or something blocks or holds it", key: overdue},
	{ID: "age-90", Label: "90d old", Means: "an Active key is older than 90 days", Controls: []Control{cisRotated, hubRotated},
		Do: "take the user into care, or rotate the key by hand", key: age90},
	{ID: "unused-90", Label: "unused 90d", Means: "an Active key unused for 90 days", Controls: []Control{hubUnused90}, Over: "unused-45",
		Do: "deactivate it, wait, delete it", key: unusedFor(unused90)},
	{ID: "unused-45", Label: "unused 45d", Means: "an Active key unused for 45 days", Controls: []Control{cisUnused, hubUnused45},
		Do: "deactivate it, wait, delete it", key: unusedFor(unused45)},
	{ID: "made-with-user", Label: "made with user", Means: "a console user's first key, never used",
		Controls: []Control{cisFirstKey}, Over: "never-used", Do: "delete it", key: madeWithUser},
	{ID: "never-used", Label: "never used", Means: "an Active key without any use on record",
		Do: "deactivate it, wait, delete it", key: neverUsed},
	{ID: "two-active", Label: "two active", Means: "two Active keys, as in every overlap", Controls: []Control{cisOneActive},
		Do: "retire one; every overlap of a rotation fails this control by nature, until the grace is over", user: twoActive},
	{ID: "inactive", Label: "inactive", Means: "an Inactive key takes one of two slots",
		Do: "delete it; IAM does not say since when it is Inactive", key: lingers},
	{ID: "stack-key", Label: "stack", Means: "a CloudFormation stack owns the key",
		Do: "keep it out of care; rotate it in the template, by its `Serial`", key: stackKey},
	{ID: "smtp-user", Label: "SMTP", Means: "it looks like an SES SMTP user",
		Do: "the SMTP password derives from the key and breaks with each rotation: plan both together", user: smtpUser},
}

// ByID finds a rule.
func ByID(id string) (Rule, bool) {
	for _, r := range Rules {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
