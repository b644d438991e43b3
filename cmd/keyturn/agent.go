package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/agent"
	"github.com/keyturn/keyturn/internal/config"
)

// agentOptions are the flags of `keyturn agent`.
type agentOptions struct {
	upstream  upstream
	listen    string
	tokenFile string
	readyFile string
	format    string
}

const agentListen = "127.0.0.1:7911"

func newAgent(o *options) *cobra.Command {
	a := agentOptions{listen: agentListen, format: "text"}
	cmd := &cobra.Command{
		Use:   "agent [USER...]",
		Short: "Serve credentials to the programs of this machine",
		Long: "Serves users' current credentials on a loopback address, in the form that every AWS SDK asks for by two variables, and to " +
			"`keyturn credential-process`. It fetches them ahead of time from a keyturn server and keeps the last good ones in memory until " +
			"they expire, so that a server that is away for a while is nobody's trouble. The users that are named are fetched at once and " +
			"always kept fresh, all others that the API key may read from when they are first asked for.\n\nWho asks needs the token in a " +
			"file that only its owner can read; it is made when it is not there. " + upstreamHelp,
		Example: "export KEYTURN_URL=https://keyturn.example.com:8443\nkeyturn agent ci-deploy --api-key-file /etc/keyturn/api-key\n\n" +
			"# In another shell: what to put where\nkeyturn connect ci-deploy --for python",
		RunE: func(cmd *cobra.Command, users []string) error {
			if a.format != "text" && a.format != "json" {
				return usagef("--log-format is text or json, not %q", a.format)
			}
			if !config.Loopback(a.listen) {
				return usagef("--listen %q is no loopback address with a port: write it as %s; the agent is for the programs of this machine alone",
					a.listen, agentListen)
			}
			for i, text := range users {
				user, err := apiUser(text)
				if err != nil {
					return err
				}
				users[i] = user
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP) // the terminal is closed: leave nothing behind
			defer stop()
			return runAgent(ctx, o, a, users)
		},
	}
	a.upstream.flags(cmd)
	tokenFlag(cmd, &a.tokenFile)
	cmd.Flags().StringVar(&a.listen, "listen", a.listen, "loopback address to listen on; port 0 picks a free one")
	cmd.Flags().StringVar(&a.readyFile, "ready-file", "", "write process id, address and token file there, as JSON, once it serves")
	cmd.Flags().StringVar(&a.format, "log-format", a.format, "how lines are logged to stderr: text for people, json for programs")
	return cmd
}

// tokenFlag gives a command the flag --token-file.
func tokenFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "token-file", "", "the agent's token (default: $KEYTURN_AGENT_TOKEN_FILE, else in $XDG_RUNTIME_DIR/keyturn)")
}

// tokenPath is where the agent's token is.
func tokenPath(flag string) (string, error) {
	if flag == "" {
		flag = os.Getenv("KEYTURN_AGENT_TOKEN_FILE")
	}
	if flag != "" {
		return filepath.Abs(flag)
	}
	path, err := agent.DefaultTokenFile(os.Getenv)
	if err != nil {
		return "", usagef("%v", err)
	}
	return path, nil
}

func runAgent(ctx context.Context, o *options, a agentOptions, users []string) error {
	c, err := a.upstream.client()
	if err != nil {
		return err
	}
	path, err := tokenPath(a.tokenFile)
	if err != nil {
		return err
	}
	if a.readyFile != "" {
		if err := writable(a.readyFile); err != nil {
			return err
		}
		defer forgetOwn(a.readyFile)
	}
	token, err := agent.Token(path)
	if err != nil {
		return usagef("%v", err)
	}
	log := newDiary(o, a.format)
	keeper, err := agent.New(agent.Config{Upstream: c, Token: token, Log: log.Logger})
	if err != nil {
		return usagef("%v", err)
	}
	defer keeper.Close()
	listener, err := net.Listen("tcp", a.listen)
	if err != nil {
		return usagef("cannot listen on %s: %v; choose another address with --listen", a.listen, errors.Unwrap(err))
	}
	defer listener.Close()
	place := agent.Place{PID: os.Getpid(), URL: "http://" + listener.Addr().String(), TokenFile: path}
	leave, err := agent.Announce(place)
	if err != nil {
		return usagef("%v", err)
	}
	defer leave()
	server := &http.Server{Handler: keeper.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if a.readyFile != "" {
		if err := writeWhole(a.readyFile, place); err != nil {
			return err
		}
	}
	log.Info("serving credentials at "+place.URL+agent.Path+"USER", "from", c.URL, "token", path)
	go keeper.Run(ctx)
	for _, user := range users {
		go func() {
			for wait := time.Second; keeper.Keep(ctx, user) != nil; wait = min(2*wait, 30*time.Second) { // the log has why
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
			}
			log.Info("the credentials of " + user + " are at hand")
		}()
	}
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", a.listen, err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		_ = server.Close() // whoever is still connected had its time
	}
	log.Info("stopped")
	return nil
}
