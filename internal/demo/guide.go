package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// exports is what a shell needs to talk to the simulated AWS.
func (w *world) exports() []string {
	return []string{
		"unset AWS_PROFILE AWS_SESSION_TOKEN",
		"export AWS_ENDPOINT_URL=" + w.endpoint + " AWS_REGION=" + region,
		"export AWS_ACCESS_KEY_ID=" + w.guestID,
		"export AWS_SECRET_ACCESS_KEY=" + w.guestSecret,
	}
}

// commands are worth trying there. The last one is an act that has consequences on stage.
func commands() []string {
	return []string{
		"aws iam list-access-keys --user-name ci-deploy",
		"aws secretsmanager describe-secret --secret-id keyturn/ci-deploy/key",
		"aws secretsmanager list-secrets --query 'SecretList[].Name'",
	}
}

func (st *stage) guide() []string { return append(st.world.exports(), commands()...) }

// introduction is what stands above the show, and stays in the terminal after it.
func (st *stage) introduction() string {
	return fmt.Sprintf("A simulated AWS serves at %s. In a second terminal:\n\n  %s\n\n(The exports are in %s too: . %s)\n",
		st.world.endpoint, strings.Join(st.guide(), "\n  "), st.env, st.env)
}

// writeEnv puts the exports into a file to source.
func (st *stage) writeEnv(path string) error {
	st.env = path
	return os.WriteFile(path, []byte(strings.Join(st.world.exports(), "\n")+"\n"), 0o600)
}

// ready writes the ready file: it is there, whole, once the simulated AWS serves.
func (st *stage) ready(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(map[string]string{
		"aws_endpoint": st.world.endpoint, "aws_access_key_id": st.world.guestID, "aws_secret_access_key": st.world.guestSecret,
	})
	if err != nil {
		return err
	}
	// Whoever waits for the file must not find half of it.
	draft := path + ".tmp"
	if err := os.WriteFile(draft, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the ready file: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		_ = os.Remove(draft)
		return fmt.Errorf("writing the ready file: %w", err)
	}
	return nil
}
