package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// sustained is how often at most Secrets Manager wants a secret to get a new value, for good.
const sustained = 10 * time.Minute

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
		for _, s := range schedules(cfg) {
			if s.RotateEvery < sustained {
				r.problem("%s: rotate_every is %s, and AWS advises against a new secret value more often than every %s for long: a secret's "+
					"versions run out; make it %s or longer", label(s), rotation.Duration(s.RotateEvery), rotation.Duration(sustained),
					rotation.Duration(sustained))
			}
		}
	}
	return r.selection(ctx, account, cfg)
}

// selection says who is under care, and who is not.
func (r *checkReport) selection(ctx context.Context, account *awscloud.Account, cfg *config.Config) error {
	c, err := fleet.Wire(account, nil, cfg).Candidates(ctx)
	var nobody *config.Error
	switch {
	case errors.As(err, &nobody):
		r.Problems = append(r.Problems, nobody.Message)
		return nil
	case errors.Is(err, rotation.ErrDenied):
		r.Problems = append(r.Problems, err.Error())
		return nil
	case err != nil:
		return err
	}
	for _, m := range c.Selected {
		r.Live.Selected = append(r.Live.Selected, m.User.Name)
	}
	for _, u := range c.Refused {
		r.Live.Refused = append(r.Live.Refused, u.Why)
	}
	r.Warnings = append(r.Warnings, c.Idle...)
	return nil
}

func (r *checkReport) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}
