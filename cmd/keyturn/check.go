package main

import (
	"context"
	"errors"
	"fmt"
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
func (r *checkReport) ask(ctx context.Context, cfg *config.Config) error {
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
	return r.permissions(ctx, account, cfg, id, members[0])
}

// permissions asks what keyturn may do for one user, which stands for all: its keys, its secret and the KMS key.
func (r *checkReport) permissions(ctx context.Context, account *awscloud.Account, cfg *config.Config, id awscloud.Identity,
	m fleet.Member,
) error {
	found, err := account.CheckPermissions(ctx, id, fleet.Subject(m, cfg), m.Tags)
	if err != nil {
		r.problem("the secret of %s: %v", m.User.Name, err)
		return nil
	}
	var unsure []string
	for _, p := range found {
		switch p.Verdict {
		case awscloud.Missing:
			r.Live.Missing = append(r.Live.Missing, p.Action)
			r.problem("allow %s on %s to keyturn's identity: %s", p.Action, p.Resource, p.Why)
		case awscloud.Unsure:
			unsure = append(unsure, p.Action)
		}
	}
	if len(unsure) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("whether keyturn may call %s cannot be told without changing something; allow "+
			"iam:SimulatePrincipalPolicy to have it checked", strings.Join(unsure, ", ")))
	}
	return nil
}

// selection says who is under care, and who is not.
func (r *checkReport) selection(ctx context.Context, account *awscloud.Account, cfg *config.Config) ([]fleet.Member, error) {
	c, err := fleet.Wire(account, nil, cfg).Candidates(ctx)
	var nobody *config.Error
	switch {
	case errors.As(err, &nobody):
		r.Problems = append(r.Problems, nobody.Message)
		return nil, nil
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
	return c.Selected, nil
}

func (r *checkReport) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
