package awscloud

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Verdict is whether keyturn may do something.
type Verdict string

// The verdicts.
const (
	Allowed Verdict = "allowed"
	Missing Verdict = "missing"
	Unsure  Verdict = "unsure" // it cannot be told without changing something
)

// Permission is one action that keyturn needs, and whether it has it.
type Permission struct {
	Action   string // "iam:CreateAccessKey"
	Resource string // ARN, or "*"
	Verdict  Verdict
	Why      string // unless allowed: AWS's word, or why it cannot be told
}

// need is a set of actions on one resource. A try tells an action by a call that changes nothing.
type need struct {
	resource string
	actions  []string
	context  map[string][]string // condition keys and what the real calls will carry
	try      map[string]func(context.Context) error
}

// CheckPermissions tells which of the actions that keyturn needs for a user are missing. Nothing is changed: IAM's policy
// simulator is asked, and where that is not allowed, reads are tried and the rest is left unsure. The value of a secret that
// stands is read, as only that proves the rights on its KMS key; it is forgotten at once. userTags are the user's IAM tags. The
// error is for a check that could not be made at all.
func (a *Account) CheckPermissions(ctx context.Context, self Identity, u Subject, userTags map[string]string) ([]Permission, error) {
	s, err := a.Session(u)
	if err != nil {
		return nil, err
	}
	secret, err := s.DescribeSecret(ctx)
	if err != nil && !errors.Is(err, rotation.ErrDenied) {
		return nil, err
	}
	var out []Permission
	for _, n := range s.needs(self, secret, userTags) {
		verdicts, err := a.ask(ctx, self, n)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			verdicts = tryAll(ctx, n, err)
		}
		out = append(out, verdicts...)
	}
	return s.proveDecryption(ctx, secret, out)
}

// needs lists what keyturn calls, for one user.
func (s *Session) needs(self Identity, secret rotation.Secret, userTags map[string]string) []need {
	a, u := s.a, s.subject
	arn := "arn:" + partitionOf(self.ARN)
	name := arn + ":secretsmanager:" + a.Home() + ":" + u.User.Account + ":secret:" + s.secret
	secretARN := secret.ARN
	if secretARN == "" {
		secretARN = name + "-AbCdEf" // AWS appends a hyphen and six characters
	}
	tagKeys := map[string][]string{"aws:TagKeys": rotation.StateTags}
	created := map[string][]string{"aws:TagKeys": append(slices.Clone(rotation.StateTags), slices.Sorted(maps.Keys(a.cfg.Tags))...)}
	user := map[string][]string{}
	for k, v := range userTags {
		user["aws:ResourceTag/"+k] = []string{v}
		user["iam:ResourceTag/"+k] = []string{v}
	}
	needs := []need{
		{resource: "*", actions: []string{"iam:GetAccountAuthorizationDetails"}, try: map[string]func(context.Context) error{
			"iam:GetAccountAuthorizationDetails": func(ctx context.Context) error { _, err := a.Users(ctx); return err },
		}},
		{resource: arn + ":iam::" + u.User.Account + ":user" + u.Path + u.User.Name, context: user,
			actions: []string{"iam:ListAccessKeys", "iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey", "iam:GetAccessKeyLastUsed"},
			try: map[string]func(context.Context) error{
				"iam:ListAccessKeys":       func(ctx context.Context) error { _, err := s.ListAccessKeys(ctx); return err },
				"iam:GetAccessKeyLastUsed": s.tryLastUsed,
			}},
		{resource: secretARN, actions: []string{"secretsmanager:DescribeSecret", "secretsmanager:PutSecretValue", "secretsmanager:GetSecretValue",
			"secretsmanager:ListSecretVersionIds", "secretsmanager:UpdateSecretVersionStage"},
			try: map[string]func(context.Context) error{
				"secretsmanager:DescribeSecret":       func(ctx context.Context) error { _, err := s.DescribeSecret(ctx); return err },
				"secretsmanager:ListSecretVersionIds": func(ctx context.Context) error { _, err := s.ListVersions(ctx); return err },
			}},
		{resource: secretARN, actions: []string{"secretsmanager:TagResource"}, context: tagKeys},
	}
	if !secret.Exists {
		needs = append(needs, need{resource: name, actions: []string{"secretsmanager:CreateSecret"}, context: created})
	}
	if strings.HasPrefix(a.cfg.KMSKeyID, "arn:") {
		via := map[string][]string{"kms:ViaService": {"secretsmanager." + a.Home() + ".amazonaws.com"}}
		needs = append(needs, need{resource: a.cfg.KMSKeyID, actions: []string{"kms:GenerateDataKey", "kms:Decrypt"}, context: via})
	}
	return needs
}

func (s *Session) tryLastUsed(ctx context.Context) error {
	keys, err := s.ListAccessKeys(ctx)
	if err != nil || len(keys) == 0 {
		return errUntried
	}
	_, err = s.AccessKeyLastUsed(ctx, keys[0].ID)
	return err
}

var errUntried = errors.New("the user has no access key to ask about")

// ask is simulate, until IAM refused that once: the next user would only be refused again, and an endpoint that does not know the
// operation is asked three times for each.
func (a *Account) ask(ctx context.Context, self Identity, n need) ([]Permission, error) {
	a.mu.Lock()
	err := a.noSimulator
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	found, err := a.simulate(ctx, self, n)
	if err != nil && ctx.Err() == nil && !errors.Is(err, rotation.ErrThrottled) {
		a.mu.Lock()
		a.noSimulator = err
		a.mu.Unlock()
	}
	return found, err
}

// simulate asks IAM what its policies say. Resource policies and conditions beyond the given context are not part of it.
func (a *Account) simulate(ctx context.Context, self Identity, n need) ([]Permission, error) {
	var entries []types.ContextEntry
	for _, k := range slices.Sorted(maps.Keys(n.context)) {
		kind := types.ContextKeyTypeEnumString
		if k == "aws:TagKeys" {
			kind = types.ContextKeyTypeEnumStringList
		}
		entries = append(entries, types.ContextEntry{ContextKeyName: aws.String(k), ContextKeyType: kind, ContextKeyValues: n.context[k]})
	}
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(principal(self.ARN)), ActionNames: n.actions,
		ResourceArns: []string{n.resource}, ContextEntries: entries}
	var found []Permission
	for {
		c := &call{service: "iam", operation: "SimulatePrincipalPolicy", region: a.Home(), target: self.ARN}
		out, err := do(ctx, c, func(ctx context.Context) (*iam.SimulatePrincipalPolicyOutput, error) {
			return a.iam.SimulatePrincipalPolicy(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		for _, r := range out.EvaluationResults {
			p := Permission{Action: aws.ToString(r.EvalActionName), Resource: n.resource, Verdict: Allowed}
			switch {
			case r.EvalDecision == types.PolicyEvaluationDecisionTypeAllowed:
			case r.EvalDecision == types.PolicyEvaluationDecisionTypeImplicitDeny && len(r.MissingContextValues) > 0:
				p.Verdict, p.Why = Unsure, "it depends on "+strings.Join(r.MissingContextValues, ", ")
			case r.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny:
				p.Verdict, p.Why = Missing, "a policy denies it"
			default:
				p.Verdict, p.Why = Missing, "no policy allows it"
			}
			found = append(found, p)
		}
		if !out.IsTruncated {
			return found, nil
		}
		in.Marker = out.Marker
	}
}

// principal is the ARN that policies hang on: a session's role.
func principal(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "sts" {
		return arn
	}
	role := strings.Split(parts[5], "/")
	if role[0] != "assumed-role" || len(role) < 2 {
		return arn
	}
	return parts[0] + ":" + parts[1] + ":iam::" + parts[4] + ":role/" + role[1]
}

// tryAll finds out by reading what the simulator would not say.
func tryAll(ctx context.Context, n need, why error) []Permission {
	var out []Permission
	for _, action := range n.actions {
		p := Permission{Action: action, Resource: n.resource, Verdict: Unsure,
			Why: "it cannot be tried without changing something: allow iam:SimulatePrincipalPolicy to have it checked (" + why.Error() + ")"}
		if try := n.try[action]; try != nil {
			switch err := try(ctx); {
			case errors.Is(err, rotation.ErrDenied):
				p.Verdict, p.Why = Missing, err.Error()
			case err == nil, errors.Is(err, rotation.ErrNoSecret), errors.Is(err, rotation.ErrNoUser):
				p.Verdict, p.Why = Allowed, ""
			default:
				p.Why = err.Error()
			}
		}
		out = append(out, p)
	}
	return out
}

// proveDecryption reads the current value, if there is one: what really happens outweighs what policies seem to say.
func (s *Session) proveDecryption(ctx context.Context, secret rotation.Secret, found []Permission) ([]Permission, error) {
	current := secret.Stage(rotation.StageCurrent)
	if current == "" || secret.PendingDeletion {
		return found, nil
	}
	_, err := s.read(ctx, current)
	set := func(action string, v Verdict, why string) {
		for i := range found {
			if found[i].Action == action {
				found[i].Verdict, found[i].Why = v, why
				return
			}
		}
		if v != Allowed {
			found = append(found, Permission{Action: action, Resource: secret.ARN, Verdict: v, Why: why})
		}
	}
	var e *rotation.CallError
	switch {
	case err == nil, errors.Is(err, rotation.ErrBadSecret):
		set("secretsmanager:GetSecretValue", Allowed, "")
		set("kms:Decrypt", Allowed, "")
	case errors.Is(err, rotation.ErrKMS):
		set("kms:Decrypt", Missing, err.Error())
	case errors.As(err, &e) && e.Kind == rotation.ErrDenied && e.Action != "":
		set(e.Action, Missing, err.Error())
	case ctx.Err() != nil:
		return nil, err
	}
	return found, nil
}
