package fleet

import (
	"context"
	"sync"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// AWS is the adapter's configuration as keyturn.yaml has it.
func AWS(cfg *config.Config) awscloud.Config {
	s := cfg.Secret
	return awscloud.Config{
		Regions: cfg.ConsumerRegions(), Profile: cfg.Profile, Endpoint: cfg.EndpointURL, Concurrency: cfg.Concurrency,
		HTTPTimeout: cfg.HTTPTimeout.D(), SecretName: s.Name, Existing: s.Existing, KMSKeyID: s.KMSKeyID, Tags: s.Tags,
		Fields: awscloud.Fields(s.Fields),
		Pace: awscloud.Pace{IAM: float64(cfg.Pace.IAM), STS: float64(cfg.Pace.STS), SecretWrites: float64(cfg.Pace.SecretWrites),
			SecretTags: float64(cfg.Pace.SecretTags), SecretReads: float64(cfg.Pace.SecretReads)},
	}
}

// emailTag, behind the prefix, is the IAM tag that holds the owner's address.
const emailTag = "email"

// Subject is a member as the adapter wants to know it.
func Subject(m Member, cfg *config.Config) awscloud.Subject {
	email, _ := config.UserTag(m.Tags, cfg.TagPrefix+emailTag)
	return awscloud.Subject{User: m.User, Path: m.Path, UserID: m.UserID, Email: email}
}

// RulesOf are the rules that keyturn.yaml has. The program's version is the caller's to add.
func RulesOf(cfg *config.Config) Rules {
	return Rules{
		Failing: float64(cfg.BlastRadius.Failing), Within: cfg.BlastRadius.Within.D(), Least: cfg.BlastRadius.Least,
		Canaries: len(cfg.Canary.Users) > 0, CanaryFor: cfg.Canary.For.D(), Freeze: cfg.FreezeOfAll(),
	}
}

// Wire is the usual fleet: the users that the configuration selects, in this account, recorded in this database.
func Wire(account *awscloud.Account, db *store.Store, cfg *config.Config) Config {
	return Config{
		Candidates: func(ctx context.Context) (Candidates, error) { return candidates(ctx, account, cfg) },
		Cloud: func(m Member) (reconcile.Cloud, error) {
			return account.Session(Subject(m, cfg))
		},
		Journal: db,
		Standings: func(ctx context.Context, each func(rotation.User, rotation.Standing)) error {
			for e, err := range db.Standings(ctx) {
				if err != nil {
					return err
				}
				each(e.User, e.Standing)
			}
			return nil
		},
		Rules: RulesOf(cfg), Memory: Memory{Setting: db.Setting, SetSetting: db.SetSetting},
		Now: account.Now, Calls: account.Calls, Rates: func() []Rate { return rates(account) }, Limits: cfg.Limits(), Regions: account.Regions(),
		ExistingAllowed: cfg.Secret.Existing, Concurrency: cfg.Concurrency,
	}
}

func rates(account *awscloud.Account) (out []Rate) {
	for _, r := range account.Rates() {
		out = append(out, Rate(r))
	}
	return out
}

// candidates asks AWS for the users and sorts them out.
func candidates(ctx context.Context, account *awscloud.Account, cfg *config.Config) (Candidates, error) {
	var found []awscloud.User
	var usersErr error
	var asked sync.WaitGroup
	asked.Go(func() { found, usersErr = account.Users(ctx) })
	id, err := account.Identity(ctx)
	asked.Wait()
	if err != nil { // it tells bad credentials from missing permissions
		return Candidates{}, err
	}
	if usersErr != nil {
		return Candidates{}, usersErr
	}
	all := make([]config.Candidate, len(found))
	for i, u := range found {
		all[i] = config.Candidate{Name: u.Name, Path: u.Path, UserID: u.ID, Tags: u.Tags, Admin: u.Admin, AdminWhy: u.AdminWhy}
	}
	sel := config.Select(cfg, all)
	fallback, err := cfg.RotationSchedule("")
	if err != nil {
		return Candidates{}, err
	}
	member := func(c config.Candidate, s rotation.Schedule) Member {
		return Member{User: rotation.User{Account: id.Account, Name: c.Name}, UserID: c.UserID, Path: c.Path, Tags: c.Tags, Schedule: s,
			Calendar: cfg.Calendar(c), Canary: cfg.IsCanary(c)}
	}
	out := Candidates{Idle: sel.Idle, Nobody: sel.Err(cfg), Selected: make([]Member, 0, len(sel.Users))}
	selected := map[string]bool{}
	for _, u := range sel.Users {
		selected[u.Name] = true
		out.Selected = append(out.Selected, member(u.Candidate, u.Schedule))
	}
	for _, c := range all {
		if !selected[c.Name] {
			out.Unselected = append(out.Unselected, member(c, fallback))
		}
	}
	for _, r := range sel.Refused {
		out.Refused = append(out.Refused, Refused{User: rotation.User{Account: id.Account, Name: r.Name}, Why: r.Why,
			Broken: r.Reason == config.RefusedSchedule})
	}
	return out, nil
}
