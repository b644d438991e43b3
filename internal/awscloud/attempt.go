package awscloud

// Attempt is one request to AWS and what came of it, for counting.
type Attempt struct {
	Quota   string // one of [QuotaNames]
	Outcome Outcome
}

// Outcome is what came of a request.
type Outcome string

// The outcomes.
const (
	OutcomeOK        Outcome = "ok"
	OutcomeThrottled Outcome = "throttled" // too many requests, AWS says
	OutcomeRefused   Outcome = "refused"   // another answer of AWS's that it did nothing: a 4xx
	OutcomeFailed    Outcome = "failed"    // AWS failed: a 5xx
	OutcomeLost      Outcome = "lost"      // no whole answer came
	OutcomeUnsent    Outcome = "unsent"    // its turn did not come in time, or there was no connection
)

// Outcomes are all of them.
var Outcomes = []Outcome{OutcomeOK, OutcomeThrottled, OutcomeRefused, OutcomeFailed, OutcomeLost, OutcomeUnsent}

// quotas are AWS's quotas by what the configuration calls them; what it has no key for has a name of its own kind.
var quotas = []string{ungrouped: "other", groupIAM: "iam", groupSTS: "sts", groupWrites: "secret_writes", groupTags: "secret_tags",
	groupReads: "secret_reads", groupCreate: "secret_creates", groupVersions: "secret_versions"}

// QuotaNames are the names of all quotas.
func QuotaNames() []string { return quotas }

// came tells what came of an attempt.
func (a *Account) came(c *call, err error) {
	if a.cfg.OnAttempt == nil {
		return
	}
	out := OutcomeOK
	switch {
	case err == nil:
	case throttles(err):
		out = OutcomeThrottled
	case !c.sent:
		out = OutcomeUnsent
	case c.status >= 500:
		out = OutcomeFailed
	case c.status >= 400:
		out = OutcomeRefused
	default:
		out = OutcomeLost
	}
	a.cfg.OnAttempt(Attempt{quotas[groupOf(c.service, c.operation)], out})
}
