package doctest

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

// world is the AWS of one page.
type world struct {
	sim      *awssim.World
	endpoint string
	server   *http.Server

	mu    sync.Mutex
	ahead time.Duration // of AWS's clock before this machine's
}

func newWorld() (*world, error) {
	w := &world{}
	w.sim = awssim.New(awssim.Config{Seed: 1, Clock: w.now, Violation: func(text string) { panic(text) }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.endpoint, w.server = "http://"+listener.Addr().String(), &http.Server{Handler: w.sim, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.server.Serve(listener) }() // ends with close
	return w, nil
}

func (w *world) close() { _ = w.server.Close() }

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// act is something that people do in AWS, or time that passes there.
func (w *world) act(text string) error {
	words := strings.Fields(text)
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	p := w.sim.People()
	switch arg(0) {
	case "user": // NAME [TAG=VALUE]…: a user of the path /service/
		tags := map[string]string{}
		for _, tag := range words[min(2, len(words)):] {
			k, v, _ := strings.Cut(tag, "=")
			tags[k] = v
		}
		return p.CreateUser(arg(1), "/service/", tags)
	case "administrator": // NAME
		return p.CreateUser(arg(1), "/service/", map[string]string{"keyturn:managed": "true"}, "AdministratorAccess")
	case "delete-user": // NAME
		return p.DeleteUser(arg(1))
	case "key": // USER
		_, _, err := p.CreateAccessKey(arg(1))
		return err
	case "use": // USER SERVICE: its first key, now
		return p.UseKey(w.sim.Keys(arg(1))[0].ID, arg(2), "us-east-1")
	case "console": // USER: it gets a password
		return p.SetConsolePassword(arg(1))
	case "root-key":
		return p.CreateRootKey("iam")
	case "stack": // NAME USER: a CloudFormation stack makes a key of the user
		_, err := p.CreateStack("us-east-1", arg(1), arg(2))
		return err
	case "secret": // NAME VALUE
		_, value, _ := strings.Cut(text, arg(1)+" ")
		return p.CreateSecret(arg(1), value, nil)
	case "value": // SECRET VALUE
		_, value, _ := strings.Cut(text, arg(1)+" ")
		return p.PutSecretValue(arg(1), value)
	case "delete-secret": // NAME
		return p.DeleteSecret(arg(1))
	case "untag-secret": // NAME TAG
		return p.UntagSecret(arg(1), arg(2))
	case "native-rotation": // SECRET
		return p.SetSecretRotation(arg(1), true)
	case "owner": // SECRET SERVICE
		return p.SetOwningService(arg(1), arg(2))
	case "deny": // ACTION, to keyturn
		id, _ := w.sim.RotatorKey()
		for _, u := range w.sim.Users() {
			for _, k := range w.sim.Keys(u.Name) {
				if k.ID == id {
					return p.Deny(u.Name, arg(1))
				}
			}
		}
	case "clock": // DURATION passes
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ahead += d
		return nil
	}
	return fmt.Errorf("there is no such act: %q", text)
}
