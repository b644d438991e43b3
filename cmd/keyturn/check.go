package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// sustained is how often at most Secrets Manager wants a secret to get a new value, for good.
const sustained = 10 * time.Minute

// unsustained names the schedules that AWS does not bear for long.
func unsustained(cfg *config.Config) (out []string) {
	for _, s := range schedules(cfg) {
		if s.RotateEvery < sustained {
			out = append(out, fmt.Sprintf("%s: rotate_every is %s, and AWS advises against a new secret value more often than every %s for "+
				"long, as a secret's versions run out; make it %s or longer", label(s), rotation.Duration(s.RotateEvery),
				rotation.Duration(sustained), rotation.Duration(sustained)))
		}
	}
	return out
}

// ask fills in what only AWS knows. Nothing is changed. The error is for what leaves nothing to report: no credentials, say.
func (r *checkReport) ask(ctx context.Context, o *options, cfg *config.Config) error {
	account, err := dial(ctx, cfg)
	if err != nil {
		return err
	}
	id, err := account.Identity(ctx)
	if err != nil {
		return err
	}
	r.Live = &liveReport{Account: id.Account, Identity: id.ARN, Regions: account.Regions(), Selected: []string{}, Refused: []string{},
		Missing: []string{}}
	if !account.CustomEndpoint() {
		r.Problems = append(r.Problems, unsustained(cfg)...)
	}
	members, err := r.selection(ctx, account, cfg)
	if err != nil || len(members) == 0 {
		return err
	}
	secrets := map[string]string{} // secret → user
	for _, m := range members {
		session, err := account.Session(fleet.Subject(m, cfg))
		if err != nil {
			r.problem("the secret of %s can have no name: %v", m.User.Name, err)
			continue
		}
		name := session.SecretName()
		if other := secrets[name]; other != "" {
			r.problem("%s and %s would share the secret %s: put {{.User}} into secret.name", other, m.User.Name, name)
		}
		secrets[name] = m.User.Name
	}
	r.permissions(ctx, o, account, cfg, id, members)
	r.apiKeys(ctx, account, cfg, id)
	return ctx.Err()
}

// apiKeys asks what keyturn may do with its API keys. What is missing is no problem of the schedule: only the daemon needs them.
func (r *checkReport) apiKeys(ctx context.Context, account *awscloud.Account, cfg *config.Config, id awscloud.Identity) {
	found, err := account.CheckKeyVault(ctx, id, cfg.API.KeyPrefix)
	if err != nil {
		return // it was interrupted
	}
	var missing []string
	for _, p := range found {
		if p.Verdict == awscloud.Missing {
			missing = append(missing, p.Action)
		}
	}
	if len(missing) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the REST API of `keyturn serve` cannot use its API keys: allow %s on secrets named %s/* to "+
			"keyturn's identity, as `keyturn policy rotator` does; without the daemon nobody needs it", strings.Join(missing, ", "),
			cfg.API.KeyPrefix))
	}
}

// mostChecked bounds of how many users the permissions are asked: each takes half a dozen calls.
const mostChecked = 20

// sample picks whose permissions are asked: one user of every path, as policies name paths, and others by name up to the bound.
func sample(members []fleet.Member) []fleet.Member {
	paths := map[string]bool{}
	var first, rest []fleet.Member
	for _, m := range members {
		if paths[m.Path] {
			rest = append(rest, m)
			continue
		}
		paths[m.Path] = true
		first = append(first, m)
	}
	all := append(first, rest...)
	return all[:min(len(all), mostChecked)]
}

// permissions asks what keyturn may do for the users: their keys, their secrets and the KMS key.
func (r *checkReport) permissions(ctx context.Context, o *options, account *awscloud.Account, cfg *config.Config, id awscloud.Identity,
	members []fleet.Member,
) {
	asked := sample(members)
	missing := map[string][]awscloud.Permission{} // by action
	var order, unsure []string
	for i, m := range asked {
		o.out.step("asking AWS about permissions: %d of %s…", i+1, users(len(asked)))
		found, err := account.CheckPermissions(ctx, id, fleet.Subject(m, cfg), m.Tags)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.problem("the secret of %s: %v", m.User.Name, err)
		}
		for _, p := range found {
			switch {
			case p.Verdict == awscloud.Unsure && !slices.Contains(unsure, p.Action):
				unsure = append(unsure, p.Action)
			case p.Verdict != awscloud.Missing || slices.ContainsFunc(missing[p.Action], func(q awscloud.Permission) bool {
				return q.Resource == p.Resource
			}):
			default:
				if missing[p.Action] == nil {
					order = append(order, p.Action)
				}
				missing[p.Action] = append(missing[p.Action], p)
			}
		}
	}
	for _, action := range order {
		r.Live.Missing = append(r.Live.Missing, action)
		p, more := missing[action][0], ""
		if n := len(missing[action]) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more of the %s asked about", n, users(len(asked)))
		}
		r.problem("allow %s on %s%s to keyturn's identity: %s", action, p.Resource, more, p.Why)
	}
	if len(unsure) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("whether keyturn may call %s cannot be told without changing something; allow "+
			"iam:SimulatePrincipalPolicy to have it checked", strings.Join(unsure, ", ")))
	}
	if n := len(members) - len(asked); n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("permissions were asked for %d of %s, every path first: the other %d may differ where "+
			"policies name users one by one", len(asked), users(len(members)), n))
	}
}

// selection says who is under care, and who is not.
func (r *checkReport) selection(ctx context.Context, account *awscloud.Account, cfg *config.Config) ([]fleet.Member, error) {
	c, err := fleet.Wire(account, nil, cfg).Candidates(ctx)
	switch {
	case errors.Is(err, rotation.ErrDenied):
		r.Problems = append(r.Problems, err.Error())
		return nil, nil
	case err != nil:
		return nil, err
	}
	for _, m := range c.Selected {
		r.Live.Selected = append(r.Live.Selected, m.User.Name)
	}
	for _, u := range c.Refused {
		r.Live.Refused = append(r.Live.Refused, u.Why)
	}
	r.Warnings = append(r.Warnings, c.Idle...)
	if nobody := (*config.Error)(nil); errors.As(c.Nobody, &nobody) {
		r.Problems = append(r.Problems, nobody.Message)
	}
	return c.Selected, nil
}

func (r *checkReport) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
