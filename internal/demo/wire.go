package demo

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/credentials"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// never comes while anybody watches.
const never = 365 * 24 * time.Hour

// settings is the configuration of the show: the defaults, sped up.
func settings(speed float64) (*config.Config, error) {
	c := config.Default()
	c.Region = region
	c.Users.Include = []config.Match{{Path: castPath}}
	c.LegacyQuiet, c.MaxRecheck = config.Duration(legacyQuiet), config.Duration(maxRecheck)
	// Whole seconds of AWS's time are coarse enough: a jitter of less would add one to every life.
	c.Jitter = 0
	c.Schedules = map[string]config.Schedule{slowSchedule: {
		RotateEvery:     config.Every{Interval: config.Duration(25 * time.Minute)},
		DeactivateAfter: config.Duration(30 * time.Minute), DeleteAfter: config.Duration(40 * time.Minute),
	}}
	fast, err := c.Speed(speed)
	if err != nil {
		return nil, err
	}
	fast.DiscoverEvery = config.Duration(never) // the play discovers, between two scenes
	for _, name := range []string{"", slowSchedule} {
		if _, err := fast.RotationSchedule(name); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrOptions, err)
		}
	}
	return fast, nil
}

// open builds the stage: the simulated AWS, keyturn's journal, keyturn, and seats for the consumers.
func open(ctx context.Context, o Options) (_ *stage, err error) {
	st := &stage{staged: !o.Once && o.Serving == nil, seated: map[string]bool{}}
	defer func() {
		if err != nil {
			st.end()
		}
	}()
	if st.cfg, err = settings(o.Speed); err != nil {
		return nil, err
	}
	st.limits = st.cfg.Limits()
	st.board = newBoard()
	folder, err := os.MkdirTemp("", "keyturn-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	st.close = append(st.close, func() { _ = os.RemoveAll(folder) })
	if st.world, err = openWorld(o.Speed, func(text string) { st.board.say("", "SAFETY RULE BROKEN: "+text, true) }); err != nil {
		return nil, err
	}
	st.close = append(st.close, st.world.close)
	st.cfg.Database = o.Database
	if o.Database == "" {
		st.cfg.Database = filepath.Join(folder, "keyturn.db")
	} else if _, err := os.Stat(o.Database); err == nil {
		return nil, fmt.Errorf("%w: the file %s exists, and a demo begins with a new AWS: name a new file", ErrOptions, o.Database)
	}
	db, err := store.Open(ctx, store.Options{Path: st.cfg.Database, Settle: st.limits.Settle})
	if err != nil {
		return nil, err
	}
	st.close = append(st.close, func() { _ = db.Close() })
	if err := st.wire(ctx, o.Speed, db); err != nil {
		return nil, err
	}
	if err := st.openAPI(ctx, db); err != nil {
		return nil, err
	}
	if err := st.writeExports(folder); err != nil {
		return nil, fmt.Errorf("writing the files to source in a second terminal: %w", err)
	}
	st.audience = st.seats()
	return st, nil
}

// end closes everything, last opened first.
func (st *stage) end() {
	for i := len(st.close) - 1; i >= 0; i-- {
		st.close[i]()
	}
	st.close = nil
}

// wire sets keyturn up as `keyturn serve` does on a real account, but for the endpoint and the credentials. The pace is lifted: it is in
// calls per second, and a second holds a minute's work.
func (st *stage) wire(ctx context.Context, speed float64, db *store.Store) (err error) {
	st.cache = credentials.New(credentials.Config{Read: func(ctx context.Context, u rotation.User, held fleet.Credential) (fleet.Credential, error) {
		return st.keeper.Credential(ctx, u, held)
	}})
	st.close = append(st.close, st.cache.Close)
	st.keeper, err = fleet.NewKeeper(ctx, fleet.KeeperConfig{
		Settings: st.cfg, Store: db, OnResult: st.saw,
		Load: func(ctx context.Context, cloud awscloud.Config) (*awscloud.Account, error) {
			cloud.IgnoreEnvironment, cloud.Endpoint = true, st.world.endpoint
			id, secret := st.world.sim.RotatorKey()
			cloud.AccessKeyID, cloud.SecretAccessKey = id, rotation.NewSensitive(secret)
			cloud.Pace, cloud.MaxBackoff = awscloud.Pace{}, time.Duration(float64(5*time.Second)/speed)
			return awscloud.Load(ctx, cloud)
		},
		Adjust: func(c *fleet.Config) {
			c.Heard = st.cache.Heard
			rates := c.Rates
			c.Rates = func() []fleet.Rate {
				out := rates()
				for i := range out {
					out[i].Quota = 0 // the simulated AWS has none
				}
				return out
			}
		},
	})
	if err != nil {
		return err
	}
	st.office, err = fleet.NewOffice(fleet.OfficeConfig{
		DB: db, Fleet: st.keeper.Fleet, Schedule: st.keeper.Schedule, Refused: st.keeper.Refused, Started: st.board.started,
		Selection: func(context.Context, bool) (fleet.Selection, error) { return st.keeper.Selection(), nil },
		Looked:    func(_ fleet.Member, res reconcile.Result) { st.keeper.Looked(res) },
	})
	return err
}

// consumersEvery is the time between two calls of one consumer. Speed leaves it: it is how busy this machine is.
const consumersEvery = 150 * time.Millisecond

// seats prepares the audience. A key is used for less than half its grace before it is read again.
func (st *stage) seats() *Audience {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // HTTP_PROXY is none of the demo's business
	transport.MaxIdleConnsPerHost = 128
	a := &Audience{
		Endpoint: st.world.endpoint, Region: region, Keep: st.schedule(part{}).Grace() * 2 / 5, Every: consumersEvery,
		Settled: st.world.stale,
		Reader:  aws.Credentials{AccessKeyID: st.world.readerID, SecretAccessKey: st.world.readerSecret},
		Client:  &http.Client{Transport: transport, Timeout: 10 * time.Second},
		Trouble: func(user string, err error) {
			st.board.say(user, "a consumer failed: "+oneLine(err), true)
		},
	}
	st.close = append(st.close, transport.CloseIdleConnections)
	return a
}
