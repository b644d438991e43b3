package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Config is keyturn.yaml. What each key means, and its minimum, stands in the table of keys.go.
type Config struct {
	Region         string              `yaml:"region"`
	Regions        []string            `yaml:"regions"`
	Profile        string              `yaml:"profile"`
	EndpointURL    string              `yaml:"endpoint_url"`
	Users          Users               `yaml:"users"`
	Administrators []string            `yaml:"administrators"`
	TagPrefix      string              `yaml:"tag_prefix"`
	Schedule       Schedule            `yaml:"schedule"`
	Schedules      map[string]Schedule `yaml:"schedules"`
	Windows        []Window            `yaml:"windows"`
	Freezes        []Freeze            `yaml:"freezes"`
	BlastRadius    BlastRadius         `yaml:"blast_radius"`
	Canary         Canary              `yaml:"canary"`
	Secret         Secret              `yaml:"secret"`
	Database       string              `yaml:"database"`
	Socket         string              `yaml:"socket"`
	Listen         string              `yaml:"listen"`
	API            API                 `yaml:"api"`
	History        Duration            `yaml:"history"`
	Verify         Verify              `yaml:"verify"`
	RunDeadline    Duration            `yaml:"run_deadline"`
	HTTPTimeout    Duration            `yaml:"http_timeout"`
	Settle         Duration            `yaml:"settle"`
	HopelessAfter  Duration            `yaml:"hopeless_after"`
	Quarantine     Duration            `yaml:"quarantine"`
	MaxRecheck     Duration            `yaml:"max_recheck"`
	LegacyQuiet    Duration            `yaml:"legacy_quiet"`
	MaxHold        Duration            `yaml:"max_hold"`
	DiscoverEvery  Duration            `yaml:"discover_every"`
	Jitter         Share               `yaml:"jitter"`
	Concurrency    int                 `yaml:"concurrency"`
	Pace           Pace                `yaml:"pace"`

	file  string         // as given to Load; "" when made in code
	lines map[string]int // line of each key that the file holds, by path
	speed float64        // what Speed divided by; 0: nothing
	// crons are the cron schedules that Validate has measured, which takes a while, by what is written.
	crons map[[2]string]firings
}

// Users says which IAM users are in care.
type Users struct {
	Include []Match `yaml:"include"`
	Exclude []Match `yaml:"exclude"`
}

// Schedule is one schedule as it is written in the file.
type Schedule struct {
	RotateEvery     Every    `yaml:"rotate_every"`
	TimeZone        string   `yaml:"time_zone"`
	DeactivateAfter Duration `yaml:"deactivate_after"`
	DeleteAfter     Duration `yaml:"delete_after"`
}

// Secret says where and how a user's key is stored.
type Secret struct {
	Name     string            `yaml:"name"`
	KMSKeyID string            `yaml:"kms_key_id"`
	Tags     map[string]string `yaml:"tags"`
	Fields   Fields            `yaml:"fields"`
	Existing bool              `yaml:"existing"`
}

// Fields are the names of the JSON fields in the secret's value; an empty name leaves the field out.
type Fields struct {
	AccessKeyID     string `yaml:"AccessKeyId"`
	SecretAccessKey string `yaml:"SecretAccessKey"`
	UserName        string `yaml:"UserName"`
	CreatedDate     string `yaml:"CreatedDate"`
	Email           string `yaml:"Email"`
	OldAccessKeyID  string `yaml:"OldAccessKeyId"`
}

// Map gives the configured name of each field by its default name.
func (f Fields) Map() map[string]string {
	return map[string]string{
		"AccessKeyId": f.AccessKeyID, "SecretAccessKey": f.SecretAccessKey, "UserName": f.UserName,
		"CreatedDate": f.CreatedDate, "Email": f.Email, "OldAccessKeyId": f.OldAccessKeyID,
	}
}

// Verify says when a new key counts as working.
type Verify struct {
	Successes int      `yaml:"successes"`
	Interval  Duration `yaml:"interval"`
	Timeout   Duration `yaml:"timeout"`
}

// Pace is how many requests per second keyturn allows itself, per account and Region; 0 lifts the bound.
type Pace struct {
	IAM          Rate `yaml:"iam"`
	STS          Rate `yaml:"sts"`
	SecretWrites Rate `yaml:"secret_writes"`
	SecretTags   Rate `yaml:"secret_tags"`
	SecretReads  Rate `yaml:"secret_reads"`
}

// Default is a configuration with every default and no users: keyturn never takes users into care by default.
func Default() *Config {
	l := rotation.DefaultLimits()
	return &Config{
		TagPrefix: "keyturn:",
		Schedule: Schedule{
			RotateEvery:     Every{Interval: Duration(10 * time.Minute)},
			DeactivateAfter: Duration(12 * time.Minute),
			DeleteAfter:     Duration(15 * time.Minute),
		},
		BlastRadius: BlastRadius{Failing: 0.2, Within: Duration(10 * time.Minute), Least: 3},
		Canary:      Canary{For: Duration(30 * time.Minute)},
		Secret: Secret{
			Name: "keyturn/{{.User}}/key",
			Fields: Fields{
				AccessKeyID: "AccessKeyId", SecretAccessKey: "SecretAccessKey", UserName: "UserName",
				CreatedDate: "CreatedDate", Email: "Email", OldAccessKeyID: "OldAccessKeyId",
			},
		},
		Database:      "keyturn.db",
		Listen:        "127.0.0.1:9847",
		API:           DefaultAPI(),
		History:       Duration(90 * 24 * time.Hour),
		Verify:        Verify{Successes: l.VerifySuccesses, Interval: Duration(l.VerifyInterval), Timeout: Duration(l.VerifyTimeout)},
		RunDeadline:   Duration(l.RunDeadline),
		HTTPTimeout:   Duration(l.HTTPTimeout),
		Settle:        Duration(l.Settle),
		HopelessAfter: Duration(l.HopelessAfter),
		Quarantine:    Duration(l.Quarantine),
		MaxRecheck:    Duration(l.MaxRecheck),
		LegacyQuiet:   Duration(l.LegacyQuiet),
		MaxHold:       Duration(l.MaxHold),
		DiscoverEvery: Duration(5 * time.Minute),
		Jitter:        0.01,
		Concurrency:   32,
		Pace:          Pace{IAM: 20, STS: 50, SecretWrites: 45, SecretTags: 45, SecretReads: 200},
	}
}

// ConsumerRegions are the Regions to verify in, the secrets' own first; empty: the SDK's Region alone.
func (c *Config) ConsumerRegions() []string {
	if c.Region != "" {
		return []string{c.Region}
	}
	return c.Regions
}

// DatabasePath is where the database is: a relative path starts at the configuration file's folder, so that a cron job
// finds the same database as a shell does.
func (c *Config) DatabasePath() string {
	if c.file == "" || filepath.IsAbs(c.Database) {
		return c.Database
	}
	return filepath.Join(filepath.Dir(c.file), c.Database)
}

// SocketPath is where the daemon's socket is: as written, from the configuration file's folder, or beside the database and named as it
// is, so that two databases in one folder have one each.
func (c *Config) SocketPath() string {
	db := c.DatabasePath()
	switch {
	case c.Socket == "":
		return strings.TrimSuffix(db, filepath.Ext(db)) + ".sock"
	case c.file == "" || filepath.IsAbs(c.Socket):
		return c.Socket
	}
	return filepath.Join(filepath.Dir(c.file), c.Socket)
}

// Limits are the bounds of one run in the core's own form.
func (c *Config) Limits() rotation.Limits {
	l := rotation.DefaultLimits()
	l.VerifySuccesses = c.Verify.Successes
	l.VerifyInterval, l.VerifyTimeout = c.Verify.Interval.D(), c.Verify.Timeout.D()
	l.RunDeadline, l.HTTPTimeout, l.Settle = c.RunDeadline.D(), c.HTTPTimeout.D(), c.Settle.D()
	l.HopelessAfter, l.Quarantine, l.MaxRecheck = c.HopelessAfter.D(), c.Quarantine.D(), c.MaxRecheck.D()
	l.LegacyQuiet, l.MaxHold = c.LegacyQuiet.D(), c.MaxHold.D()
	if c.speed > 0 {
		l.CoarseUse = time.Duration(float64(l.CoarseUse) / c.speed)
		l.Brief = time.Duration(float64(l.Brief) / c.speed)
		l.Pledge = time.Duration(float64(l.Pledge) / c.speed)
	}
	return l
}
