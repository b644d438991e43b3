package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/deploy"
	"github.com/keyturn/keyturn/internal/config"
)

// policyOptions are the flags of `keyturn policy …`.
type policyOptions struct {
	account  string
	region   string
	rotators []string
	admins   []string
}

func newPolicy(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Print the IAM policies that this configuration needs",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPolicyRotator(o), newPolicyGuardrail(o), newPolicyScan(o), newPolicyAPIKeys(o))
	return cmd
}

func newPolicyRotator(o *options) *cobra.Command {
	var p policyOptions
	cmd := &cobra.Command{
		Use:   "rotator",
		Short: "Print the smallest policy with which keyturn can do its work",
		Long: "Prints an identity policy for the role that keyturn runs as: the users and secrets of this configuration, and nothing " +
			"else. With --account no AWS call is made; without it keyturn asks AWS whose account this is.",
		Example: "keyturn policy rotator --account 123456789012 > rotator.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, partition, err := p.load(cmd.Context(), o)
			if err != nil {
				return err
			}
			names, err := cfg.SecretNamePatterns(p.account)
			if err != nil {
				return err
			}
			include, exclude := cfg.Patterns()
			in := deploy.PolicyInput{Partition: partition, Account: p.account, Region: p.region, Include: usersOf(include),
				Exclude: usersOf(exclude), SecretNames: names, APIKeys: cfg.API.KeyPrefix, KMSKey: cfg.Secret.KMSKeyID}
			for key := range cfg.Secret.Tags {
				in.TagKeys = append(in.TagKeys, key)
			}
			return printPolicy(o, in, deploy.RotatorPolicy)
		},
	}
	p.flags(cmd)
	return cmd
}

func newPolicyAPIKeys(o *options) *cobra.Command {
	var p policyOptions
	cmd := &cobra.Command{
		Use:   "api-keys",
		Short: "Print the smallest policy with which a person can run `keyturn apikey`",
		Long: "Prints an identity policy that allows keyturn's API keys to be made, listed, rotated and revoked in Secrets Manager, and " +
			"nothing else. Whoever has it can make a key for everything that keyturn serves.",
		Example: "keyturn policy api-keys --account 123456789012 > api-keys.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, partition, err := p.load(cmd.Context(), o)
			if err != nil {
				return err
			}
			in := deploy.PolicyInput{Partition: partition, Account: p.account, Region: p.region, APIKeys: cfg.API.KeyPrefix, KMSKey: cfg.Secret.KMSKeyID}
			for key := range cfg.Secret.Tags {
				in.TagKeys = append(in.TagKeys, key)
			}
			return printPolicy(o, in, deploy.APIKeyPolicy)
		},
	}
	p.flags(cmd)
	return cmd
}

func newPolicyGuardrail(o *options) *cobra.Command {
	var p policyOptions
	cmd := &cobra.Command{
		Use:   "guardrail",
		Short: "Print the policy that keeps others from keyturn's state tags",
		Long: "Whoever may write the keyturn:* tags can steer what keyturn deletes. This policy denies that to everyone but keyturn. It " +
			"serves as a service control policy, or as a permissions boundary of those it is to bind.",
		Example: "keyturn policy guardrail --account 123456789012 --rotator arn:aws:iam::123456789012:role/keyturn",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, partition, err := p.load(cmd.Context(), o)
			if err != nil {
				return err
			}
			names, err := cfg.SecretNamePatterns(p.account)
			if err != nil {
				return err
			}
			in := deploy.GuardrailInput{Partition: partition, Account: p.account, Rotators: p.rotators, TagAdministrators: p.admins,
				SecretNames: names, UserTagKeys: cfg.SteeringTags()}
			return printPolicy(o, in, deploy.GuardrailPolicy)
		},
	}
	p.flags(cmd)
	cmd.Flags().StringSliceVar(&p.rotators, "rotator", nil, "ARN of the role that keyturn runs as; may be repeated (default: who runs this)")
	cmd.Flags().StringSliceVar(&p.admins, "tag-administrator", nil,
		"ARN of a role that may decide by tags which users are under care; may be repeated")
	return cmd
}

func newPolicyScan(o *options) *cobra.Command {
	var p policyOptions
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Print the smallest policy with which `keyturn scan` can read everything",
		Long: "Prints an identity policy that allows the reads of `keyturn scan`: users, the credential report, keys, and CloudFormation " +
			"stacks in the Regions of the configuration, or in all when there is none. It allows no change, and reads no secret.",
		Example: "keyturn policy scan --account 123456789012 > scan.json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := scanConfig(cmd, o)
			if err != nil {
				return err
			}
			in := deploy.ScanInput{}
			if cfg == nil {
				cfg = config.Default()
			} else {
				in.Regions = cfg.ConsumerRegions()
			}
			if in.Partition, _, err = p.complete(cmd.Context(), cfg); err != nil {
				return err
			}
			in.Account = p.account
			return printPolicy(o, in, deploy.ScanPolicy)
		},
	}
	p.flags(cmd)
	return cmd
}

func (p *policyOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.account, "account", "", "12-digit AWS account id (default: ask AWS)")
}

// load reads the configuration, and asks AWS for what the flags leave open.
func (p *policyOptions) load(ctx context.Context, o *options) (*config.Config, string, error) {
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, "", err
	}
	partition, self, err := p.complete(ctx, cfg)
	if err != nil || self == "" {
		return cfg, partition, err
	}
	if len(p.rotators) == 0 {
		p.rotators = []string{roleOf(self)}
		if p.rotators[0] != self {
			o.out.warn("the role is named as " + p.rotators[0] + ", as a session does not tell its path; give --rotator if it has one")
		}
	}
	return cfg, partition, nil
}

// complete asks AWS for the account that the flags leave open; self is the ARN of who asked, if it had to. It gives the partition.
func (p *policyOptions) complete(ctx context.Context, cfg *config.Config) (partition, self string, err error) {
	if regions := cfg.ConsumerRegions(); len(regions) > 0 {
		p.region = regions[0]
	}
	if p.account == "" {
		a, err := dial(ctx, cfg)
		if err != nil {
			return "", "", err
		}
		id, err := a.Identity(ctx)
		if err != nil {
			return "", "", err
		}
		p.account = id.Account
		partition, _, _ = strings.Cut(strings.TrimPrefix(id.ARN, "arn:"), ":")
		return partition, id.ARN, nil
	}
	if len(p.rotators) > 0 {
		if parts := strings.Split(p.rotators[0], ":"); len(parts) > 1 {
			return parts[1], "", nil
		}
	}
	switch {
	case strings.HasPrefix(p.region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(p.region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return partition, "", nil
}

// roleOf is the role behind a session's ARN: arn:aws:sts::1:assumed-role/NAME/SESSION → arn:aws:iam::1:role/NAME. A
// session's ARN does not tell the role's path.
func roleOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || !strings.HasPrefix(parts[5], "assumed-role/") {
		return arn
	}
	name := strings.Split(parts[5], "/")[1]
	return strings.Join([]string{"arn", parts[1], "iam", "", parts[4], "role/" + name}, ":")
}

func usersOf(patterns []config.Pattern) (out []deploy.Users) {
	for _, p := range patterns {
		out = append(out, deploy.Users(p))
	}
	return out
}

func printPolicy[In any](o *options, in In, make func(In) ([]byte, error)) error {
	text, err := make(in)
	if err != nil {
		return usagef("%v", err)
	}
	o.out.line("%s", strings.TrimSpace(string(text)))
	return nil
}
