package awssim

import "time"

// Config says what kind of AWS a World is. The zero value is one account with one Region that
// answers at once, truthfully, and at AWS's own request rates.
type Config struct {
	// Account is the twelve-digit account id. Zero: "123456789012".
	Account string
	// Regions are the enabled Regions; the first is the home Region of secrets that People make
	// and of the secrets named in Care. Zero: {"us-east-1"}.
	Regions []string
	// Speed divides every duration below and those that AWS fixes (24 hours of a version's
	// protection, 15 minutes of a last-used record, 4 hours of a credential report). Clocks run at
	// 1x and request rates are per real second. Zero: 1.
	Speed float64
	// Clock is the true time. Zero: time.Now, which is virtual inside a testing/synctest bubble.
	Clock func() time.Time
	// Seed decides key ids, secrets, jitter and how stale an answer is. The same seed gives the
	// same of each, per user and secret, whatever the interleaving.
	Seed uint64
	// Propagation is the longest time for which a new or reactivated key is refused as if it did
	// not exist; each Region draws its own time up to this one. Zero: none.
	Propagation time.Duration
	// Staleness is the oldest state that ListAccessKeys, GetUser, ListUserTags,
	// GetAccessKeyLastUsed, DescribeSecret, ListSecretVersionIds and GetSecretValue may answer.
	// Writes and their conditions always act on the true state. Zero: none.
	Staleness time.Duration
	// PageSize is an upper bound on every page. Zero: AWS's own (100).
	PageSize int
	// Rates are the request rates beyond which calls are throttled.
	Rates Rates
	// VersionQuota is the number of versions of a secret above which unlabelled ones older than 24
	// hours are pruned. Zero: 100.
	VersionQuota int
	// VersionLimit is the number of versions beyond which a new one fails with
	// LimitExceededException. Zero: VersionQuota when that is set, else 200: AWS states no number,
	// only that one version every 10 minutes (144 in 24 hours) is sustainable.
	VersionLimit int
	// SecretMark, when set, is contained in every generated secret access key, so that a leak can
	// be searched for. At most 24 characters are used.
	SecretMark string
	// OnCall decides the fate of each call, in the goroutine that serves it. Nil: none.
	OnCall func(*Call) Fate
	// Violation is called, with no lock held, for each broken safety rule; the text begins with the
	// name of the rule. Nil: panic.
	Violation func(string)
}

// Rate is one token bucket.
type Rate struct {
	// PerSecond is how many calls a second are answered. Zero: the group's default.
	PerSecond float64
	// Burst is how many calls may come at once after a rest. Zero: one second's worth.
	Burst float64
}

// Rates holds a token bucket for each group of operations; each bucket exists once per Region
// (IAM's once). The package comment lists the defaults.
type Rates struct {
	// Unlimited switches every bucket off.
	Unlimited bool
	// IAMWrite counts Create, Update, Delete, Tag, Untag, Put, Attach and Detach calls of IAM.
	IAMWrite Rate
	// IAMRead counts every other call of IAM.
	IAMRead Rate
	// STS counts every call of STS.
	STS Rate
	// SecretWrite is shared by PutSecretValue, UpdateSecret, UpdateSecretVersionStage and
	// ReplicateSecretToRegions.
	SecretWrite Rate
	// SecretTag is shared by TagResource and UntagResource.
	SecretTag Rate
	// SecretGet counts GetSecretValue.
	SecretGet Rate
	// SecretDescribe counts DescribeSecret.
	SecretDescribe Rate
	// SecretList is for each of ListSecrets, BatchGetSecretValue and ListSecretVersionIds alone.
	SecretList Rate
	// SecretOther is shared by CreateSecret, DeleteSecret, RestoreSecret and the resource policies.
	SecretOther Rate
	// SES counts every call of SES but SendEmail, whose rate is part of the account.
	SES Rate
	// Stacks counts every call of CloudFormation.
	Stacks Rate
}

func (r Rates) withDefaults() Rates {
	set := func(p *Rate, perSecond float64) {
		if p.PerSecond == 0 {
			p.PerSecond = perSecond
		}
		if p.Burst == 0 {
			p.Burst = max(1, p.PerSecond)
		}
	}
	set(&r.IAMWrite, 200)
	set(&r.IAMRead, 500)
	set(&r.STS, 600)
	set(&r.SecretWrite, 50)
	set(&r.SecretTag, 50)
	set(&r.SecretGet, 10_000)
	set(&r.SecretDescribe, 40_000)
	set(&r.SecretList, 100)
	set(&r.SecretOther, 50)
	set(&r.SES, 10)
	set(&r.Stacks, 20)
	return r
}

func (c Config) withDefaults() Config {
	if c.Account == "" {
		c.Account = "123456789012"
	}
	if len(c.Regions) == 0 {
		c.Regions = []string{"us-east-1"}
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.VersionLimit == 0 {
		c.VersionLimit = c.VersionQuota
		if c.VersionQuota == 0 {
			c.VersionLimit = 200
		}
	}
	if c.VersionQuota == 0 {
		c.VersionQuota = 100
	}
	if len(c.SecretMark) > 24 {
		c.SecretMark = c.SecretMark[:24]
	}
	c.Rates = c.Rates.withDefaults()
	return c
}

// scaled is a duration of AWS's as this world counts it.
func (c *Config) scaled(d time.Duration) time.Duration {
	if c.Speed == 1 {
		return d
	}
	return time.Duration(float64(d) / c.Speed)
}
