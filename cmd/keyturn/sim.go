package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/awssim"
)

// simOptions are the flags of `keyturn sim`.
type simOptions struct {
	listen    string
	readyFile string
	speed     float64
	users     int
}

// mostSpeed leaves nothing of propagation and staleness that any clock could tell from none.
const mostSpeed = 1_000_000

func newSim(o *options) *cobra.Command {
	s := simOptions{listen: "127.0.0.1:4566", speed: 1, users: 3}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Serve a simulated AWS on this machine, for trying things out",
		Long: "Serves IAM, STS, Secrets Manager and a little of SES and CloudFormation from one endpoint, for every AWS SDK and the aws " +
			"CLI, until it is stopped. It is a test double and keeps everything in memory. It begins with the users app-1, app-2, …: path /service/, " +
			"tag keyturn:managed=true, no access key. Keys take up to 4 s to propagate, and reads may be 2 s stale; --speed divides both.",
		Example: "keyturn sim --ready-file /tmp/sim.json\nkeyturn sim --listen 127.0.0.1:0 --speed 60 --users 100",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !(s.speed > 0 && s.speed <= mostSpeed):
				return usagef("--speed must be above 0 and at most %d, and is %g", mostSpeed, s.speed)
			case s.users < 0 || s.users > 5000:
				return usagef("--users must be between 0 and 5000, AWS's own quota, and is %d", s.users)
			}
			return simulate(cmd.Context(), o, s)
		},
	}
	cmd.Flags().StringVar(&s.listen, "listen", s.listen, "address to listen on; port 0 picks a free one")
	cmd.Flags().Float64Var(&s.speed, "speed", s.speed, "divide propagation, staleness and AWS's own periods by this")
	cmd.Flags().IntVar(&s.users, "users", s.users, "users that exist at the beginning")
	cmd.Flags().StringVar(&s.readyFile, "ready-file", "", "write endpoint and credentials there, as JSON, once serving")
	return cmd
}

func simulate(ctx context.Context, o *options, s simOptions) error {
	if s.readyFile != "" {
		if err := forget(s.readyFile); err != nil {
			return err
		}
	}
	// The users are as old as staleness, so that no answer can be from before they were.
	var age atomic.Int64
	age.Store(int64(time.Minute))
	world := awssim.New(awssim.Config{
		Clock: func() time.Time { return time.Now().Add(-time.Duration(age.Load())) },
		Speed: s.speed, Seed: uint64(time.Now().UnixNano()), Propagation: 4 * time.Second, Staleness: 2 * time.Second,
		Violation: func(text string) { o.out.warn("a safety rule was broken: " + text) },
	})
	for i := range s.users {
		err := world.People().CreateUser(fmt.Sprintf("app-%d", i+1), "/service/", map[string]string{"keyturn:managed": "true"})
		if err != nil {
			return fmt.Errorf("making the simulated users: %w", err)
		}
	}
	age.Store(0)
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return usagef("cannot listen on %s: %v; choose another address with --listen", s.listen, errors.Unwrap(err))
	}
	id, secret := world.RotatorKey()
	ready := readyFile{"http://" + listener.Addr().String(), id, secret}
	server := &http.Server{Handler: world, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if s.readyFile != "" {
		if err := ready.write(s.readyFile); err != nil {
			_ = server.Close()
			return err
		}
		defer os.Remove(s.readyFile) // nobody is there any more
	}
	o.out.line("unset AWS_PROFILE AWS_SESSION_TOKEN") // of a real account
	o.out.line("export AWS_ENDPOINT_URL=%s", ready.Endpoint)
	o.out.line("export AWS_ACCESS_KEY_ID=%s", ready.KeyID)
	o.out.line("export AWS_SECRET_ACCESS_KEY=%s", ready.Secret)
	// The aws CLI of before 2 knows AWS_DEFAULT_REGION alone, and some SDKs AWS_REGION alone.
	o.out.line("export AWS_REGION=us-east-1")
	o.out.line("export AWS_DEFAULT_REGION=us-east-1")
	o.out.note("simulated AWS with %s; try `aws iam list-users` with these; Ctrl-C ends it", users(s.users))
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", s.listen, err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // whoever is still connected had its time
	}
	return nil
}
