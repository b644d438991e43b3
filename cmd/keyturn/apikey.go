package main

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

// keyDesk is what `keyturn apikey` acts through: Secrets Manager itself, or a server.
type keyDesk interface {
	CreateKey(ctx context.Context, s apikey.Spec) (api.Key, rotation.Sensitive, error)
	// Keys are all keys, and the time by which they expire.
	Keys(ctx context.Context) ([]api.Key, time.Time, error)
	RevokeKey(ctx context.Context, id string) error
	// RotateKey may give both a key and an error: then the new key stands, and the other one goes on for longer than was asked.
	RotateKey(ctx context.Context, id string, overlap time.Duration) (api.Key, rotation.Sensitive, error)
}

// keyring is the desk that works on Secrets Manager itself.
type keyring struct {
	ring    *apikey.Ring
	account string // of users that are named without one
	by      string // who asks
	now     func() time.Time
}

func (d *keyring) CreateKey(ctx context.Context, s apikey.Spec) (api.Key, rotation.Sensitive, error) {
	s.By = d.by
	if s.Consumer != "" && !strings.ContainsAny(s.Consumer, ":/") {
		s.Consumer = d.account + ":" + s.Consumer
	}
	k, text, err := d.ring.Create(ctx, s)
	return api.KeyOf(k, time.Time{}), text, err
}

func (d *keyring) Keys(ctx context.Context) ([]api.Key, time.Time, error) {
	keys, err := d.ring.List(ctx)
	out := make([]api.Key, len(keys))
	for i, k := range keys {
		out[i] = api.KeyOf(k, time.Time{})
	}
	return out, d.now(), err
}

func (d *keyring) RevokeKey(ctx context.Context, id string) error { return d.ring.Revoke(ctx, id) }

func (d *keyring) RotateKey(ctx context.Context, id string, overlap time.Duration) (api.Key, rotation.Sensitive, error) {
	k, text, err := d.ring.Rotate(ctx, id, d.by, overlap)
	return api.KeyOf(k, time.Time{}), text, err
}

func newAPIKey(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apikey",
		Short: "Create, list, rotate and revoke the keys of keyturn's own API",
		Long: "The API keys stand in Secrets Manager, as a SHA-256 of each; every keyturn that serves this account takes them, and refuses a " +
			"revoked one within 10 s. Without KEYTURN_URL these commands work on Secrets Manager with your AWS credentials: no server needs to run.",
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAPIKeyCreate(o), newAPIKeyList(o), newAPIKeyRotate(o), newAPIKeyRevoke(o))
	return cmd
}

// openKeys gives the server that the environment names, if it does; else Secrets Manager itself. That needs no keyturn.yaml: without one
// the SDK's Region is taken.
func openKeys(cmd *cobra.Command, o *options) (keyDesk, error) {
	ctx := cmd.Context()
	if c, err := dialServer(); c != nil || err != nil {
		return c, err
	}
	cfg, err := scanConfig(cmd, o)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		cfg = config.Default()
	}
	account, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	who, err := account.Identity(ctx) // tells the time as well, by which keys expire
	if err != nil {
		return nil, err
	}
	ring := apikey.NewRing(apikey.Config{Vault: account.KeyVault(cfg.API.KeyPrefix), Now: account.Now})
	return &keyring{ring, who.Account, who.ARN, account.Now}, nil
}

// keyFlags are the flags of `keyturn apikey create`.
type keyFlags struct {
	scopes, users, networks []string
	consumer, expires       string
}

func newAPIKeyCreate(o *options) *cobra.Command {
	var f keyFlags
	var scopes []string
	for _, s := range apikey.Scopes {
		scopes = append(scopes, string(s))
	}
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: "Prints the key on stdout and nothing else; it is kept nowhere and cannot be shown again. A key may do what its scopes say to the " +
			"users that its globs take, and nothing more: no scope implies another, and admin, which is for API keys, gives no credentials.\n\n" +
			"Scopes: " + strings.Join(scopes, ", ") + ".",
		Example: "keyturn apikey create mail-server --consumer mail\n" +
			"keyturn apikey create ops --scope credentials:read,rotate,operate,events:read --user 'ci-*' --expires 30d --network 10.0.0.0/8",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("`%s` takes one name, for people: keyturn apikey create NAME; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
			}
			s, err := f.spec(args[0])
			if err != nil {
				return err
			}
			outliveReader()
			d, err := openKeys(cmd, o)
			if err != nil {
				return err
			}
			k, text, err := d.CreateKey(cmd.Context(), s)
			if err != nil {
				return err
			}
			return o.out.newAPIKey(o, k, text)
		},
	}
	cmd.Flags().StringSliceVar(&f.scopes, "scope", nil, "what it may do; may be repeated")
	cmd.Flags().StringSliceVar(&f.users, "user", nil, "to which users: NAME or ACCOUNT:NAME, with * and ?; may be repeated")
	cmd.Flags().StringVar(&f.consumer, "consumer", "", "a key for one consumer: it reads the credentials of this user and does nothing else")
	cmd.Flags().StringVar(&f.expires, "expires", "90d", "how long it lives")
	cmd.Flags().StringSliceVar(&f.networks, "network", nil, "where it may come from, as 192.0.2.0/24; may be repeated (default: anywhere)")
	jsonFlag(cmd, o, "one JSON object: key, id, and what it may do")
	return cmd
}

func (f *keyFlags) spec(name string) (apikey.Spec, error) {
	s := apikey.Spec{Name: name, Users: f.users, Consumer: f.consumer}
	for _, text := range f.scopes {
		scope, err := apikey.ParseScope(strings.TrimSpace(text))
		if err != nil {
			return s, usagef("%v", err)
		}
		s.Scopes = append(s.Scopes, scope)
	}
	for _, text := range f.networks {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			ip, bad := netip.ParseAddr(text)
			if bad != nil {
				return s, usagef("%q is no network: write it as 192.0.2.0/24, 2001:db8::/32, or as one address", text)
			}
			n = netip.PrefixFrom(ip, ip.BitLen())
		}
		s.Networks = append(s.Networks, n)
	}
	var err error
	if s.Lives, err = config.ParseDuration(f.expires); err != nil {
		return s, usagef("--expires %q: write a duration such as 36h or 90d", f.expires)
	}
	if s.Lives <= 0 {
		return s, usagef("--expires %q: a key lives for a while, 90d by default", f.expires)
	}
	if err := s.Check(); err != nil {
		return s, usagef("%v; see `keyturn apikey create --help`", err)
	}
	return s, nil
}

func newAPIKeyRotate(o *options) *cobra.Command {
	overlap := ""
	cmd := &cobra.Command{
		Use:   "rotate ID",
		Short: "Make a key like another one, which expires after an overlap",
		Long: "Prints the new key on stdout, once. It has the other one's name, rights and length of life. Until the overlap is over both are " +
			"good, so give the new one to its users meanwhile.",
		Example: "keyturn apikey rotate 4sQ9xK2mZp --overlap 24h",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := oneID(cmd, args)
			if err != nil {
				return err
			}
			span, err := config.ParseDuration(overlap)
			if err != nil || span < 0 {
				return usagef("--overlap %q: write a duration such as 90s, 24h or 7d; 0s ends the old key at once", overlap)
			}
			outliveReader()
			d, err := openKeys(cmd, o)
			if err != nil {
				return err
			}
			k, text, err := d.RotateKey(cmd.Context(), id, span)
			if text.IsZero() {
				return err
			}
			if bad := o.out.newAPIKey(o, k, text); bad != nil {
				return bad
			}
			if err == nil {
				o.out.note("%s is good until %s at most", id, clockTime(k.Created.Add(span), o.out.errTTY))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&overlap, "overlap", "24h", "for how long the old key stays good")
	jsonFlag(cmd, o, "one JSON object, as of create")
	return cmd
}

func newAPIKeyRevoke(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revoke ID",
		Short:   "End an API key now",
		Long:    "Every keyturn that serves this account refuses the key within 10 s. It cannot be taken back. `keyturn apikey list` shows the ids.",
		Example: "keyturn apikey revoke 4sQ9xK2mZp",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := oneID(cmd, args)
			if err != nil {
				return err
			}
			outliveReader()
			d, err := openKeys(cmd, o)
			if err != nil {
				return err
			}
			if err := d.RevokeKey(cmd.Context(), id); err != nil {
				return err
			}
			if o.json {
				return o.out.value(revokedLine{id, true})
			}
			o.out.line("%s the API key %s is revoked: every server refuses it within 10 s", green.Render("✓"), id)
			return nil
		},
	}
	jsonFlag(cmd, o, "one JSON object: id, revoked")
	return cmd
}

// revokedLine is `apikey revoke --json`.
type revokedLine struct {
	ID      string `json:"id"`
	Revoked bool   `json:"revoked"`
}

// oneID takes an id. Whoever gives the whole key by mistake has it in the shell's history, and is told so.
func oneID(cmd *cobra.Command, args []string) (string, error) {
	if len(args) != 1 || args[0] == "" {
		return "", usagef("`%s` takes the id of one API key; `keyturn apikey list` shows them", cmd.CommandPath())
	}
	if id, err := apikey.ParseID(args[0]); err == nil {
		return "", usagef("this is the key itself, which now stands in the shell's history: its id is %s, and it should be revoked", id)
	}
	return args[0], nil
}
