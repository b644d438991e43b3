package main

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/agent"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/config"
)

// connectOptions are the flags of `keyturn connect`.
type connectOptions struct {
	url       string
	keyFile   string
	tokenFile string
	region    string
	target    string
	via       string
}

// The ways by which credentials reach a program.
const (
	viaServer  = "server"
	viaAgent   = "agent"
	viaProcess = "process"
)

func newConnect(o *options) *cobra.Command {
	c := connectOptions{keyFile: "/run/secrets/keyturn", via: viaServer}
	cmd := &cobra.Command{
		Use:   "connect USER",
		Short: "Print what to set so that a program gets a user's credentials",
		Long: "Prints what to put where so that an AWS SDK, the aws CLI, a container or a pod gets a user's current credentials, and new " +
			"ones by itself after each rotation: two variables, a profile with credential_process, or the agent of this machine. It asks " +
			"nobody and changes nothing. The server's address comes from --url, KEYTURN_URL, or keyturn.yaml (api.url, else listen).",
		Example: "keyturn connect ci-deploy\nkeyturn connect ci-deploy --for python\nkeyturn connect ci-deploy --for kubernetes\n" +
			"keyturn connect ci-deploy --for java --via process",
		Args: oneUser,
		RunE: func(cmd *cobra.Command, args []string) error {
			user, err := apiUser(args[0])
			if err != nil {
				return err
			}
			w, err := c.wires(o, user)
			if err != nil {
				return err
			}
			if o.json {
				return o.out.value(w)
			}
			if c.target == "" {
				w.overview(o.out)
				return nil
			}
			w.recipe(o.out, c.target, c.via)
			return nil
		},
	}
	cmd.Flags().StringVar(&c.target, "for", "", "one of "+strings.Join(targetNames(), ", "))
	cmd.Flags().StringVar(&c.via, "via", c.via, "how: server (two variables), agent (two variables), or process (a profile)")
	cmd.Flags().StringVar(&c.url, "url", "", "address of the keyturn server (default: $KEYTURN_URL, else as the configuration says)")
	cmd.Flags().StringVar(&c.keyFile, "api-key-file", c.keyFile, "where the program will find its API key")
	cmd.Flags().StringVar(&c.region, "region", "", "the profile's AWS Region (default: $AWS_REGION, else us-east-1)")
	tokenFlag(cmd, &c.tokenFile)
	jsonFlag(cmd, o, "print addresses, files and variables as JSON")
	return cmd
}

// wires are what a program has to be given.
type wires struct {
	User         string            `json:"user"`
	URL          string            `json:"url"`
	ContainerURL string            `json:"container_url"`
	KeyFile      string            `json:"api_key_file"`
	Variables    map[string]string `json:"variables"`
	Agent        wiresAgent        `json:"agent"`
	Process      string            `json:"credential_process"`
	Region       string            `json:"region"`
}

// wiresAgent is the same through the agent of this machine.
type wiresAgent struct {
	Running      bool              `json:"running"`
	ContainerURL string            `json:"container_url"`
	TokenFile    string            `json:"token_file"`
	Variables    map[string]string `json:"variables"`
}

// The variables that every AWS SDK knows.
const (
	variableURI   = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	variableToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	variableFile  = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
)

func (c connectOptions) wires(o *options, user string) (wires, error) {
	if c.target != "" && !slices.Contains(targetNames(), c.target) {
		return wires{}, usagef("--for %q is not known: it is one of %s", c.target, strings.Join(targetNames(), ", "))
	}
	if !slices.Contains([]string{viaServer, viaAgent, viaProcess}, c.via) {
		return wires{}, usagef("--via is server, agent or process, not %q", c.via)
	}
	address, err := c.address(o)
	if err != nil {
		return wires{}, err
	}
	w := wires{User: user, URL: address, KeyFile: c.keyFile, ContainerURL: address + agent.Path + url.PathEscape(api.PathName(user)),
		Process: "keyturn credential-process " + user, Region: c.region}
	if w.Region == "" {
		w.Region = os.Getenv("AWS_REGION")
	}
	if w.Region == "" {
		w.Region = "us-east-1"
	}
	w.Variables = map[string]string{variableURI: w.ContainerURL, variableFile: w.KeyFile}
	if w.Agent.TokenFile, err = tokenPath(c.tokenFile); err != nil {
		return wires{}, err
	}
	at := "http://" + agentListen
	if place, err := agent.Find(w.Agent.TokenFile); err == nil {
		at, w.Agent.Running = place.URL, true
	}
	w.Agent.ContainerURL = at + agent.Path + url.PathEscape(api.PathName(user))
	w.Agent.Variables = map[string]string{variableURI: w.Agent.ContainerURL, variableFile: w.Agent.TokenFile}
	return w, nil
}

// address is the server's. AWS SDKs send nothing over plain http but to this machine.
func (c connectOptions) address(o *options) (string, error) {
	text := c.url
	if text == "" {
		text = os.Getenv("KEYTURN_URL")
	}
	if text == "" {
		var err error
		if text, err = configured(o); err != nil {
			return "", err
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || strings.ContainsAny(text, " '\"\\$`"):
		return "", usagef("the server's address is no address: write it as https://keyturn.example.com:8443")
	case u.Scheme == "http" && u.Hostname() != "localhost" && !net.ParseIP(u.Hostname()).IsLoopback():
		return "", usagef("%s is plain http, and AWS SDKs send nothing there but on the same machine: give keyturn a certificate (api.tls), or run "+
			"`keyturn agent` beside the program", text)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// configured is the address in keyturn.yaml.
func configured(o *options) (string, error) {
	if _, err := os.Stat(o.config); !errors.Is(err, fs.ErrNotExist) {
		cfg, err := config.Load(o.config)
		if err != nil {
			return "", err
		}
		switch {
		case cfg.API.URL != "":
			return cfg.API.URL, nil
		case cfg.API.TLS.On():
			return "https://" + cfg.Listen, nil
		default:
			return "http://" + cfg.Listen, nil
		}
	}
	return "", usagef("no keyturn server is named: set KEYTURN_URL to its address, such as https://keyturn.example.com:8443, give --url, or name its configuration with --config; there is no %s", o.config)
}
