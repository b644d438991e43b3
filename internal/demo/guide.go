package demo

import (
	"fmt"
	"os"
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// exports is what a shell needs to talk to the simulated AWS. Older aws CLIs read AWS_DEFAULT_REGION alone, which a set
// AWS_REGION would overrule in newer ones.
func (w *world) exports() []string {
	return []string{
		"unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION",
		"export AWS_ENDPOINT_URL=" + w.endpoint + " AWS_DEFAULT_REGION=" + region,
		"export AWS_ACCESS_KEY_ID=" + w.guestID,
		"export AWS_SECRET_ACCESS_KEY=" + w.guestSecret,
	}
}

// commands are worth trying there.
func commands() []string {
	return []string{
		"aws iam list-access-keys --user-name ci-deploy",
		"aws secretsmanager describe-secret --secret-id keyturn/ci-deploy/key",
		"aws secretsmanager list-secrets --query 'SecretList[].Name'",
	}
}

// guide is what a second terminal needs: the exports but for the first line, which most have no use for, and the commands. Once
// a key made by hand is in the way, there is the command that removes it, where a line has room for it.
func (st *stage) guide(width int) []string {
	try := commands()
	rows, _ := st.board.snapshot()
	for _, r := range rows {
		free := fmt.Sprintf("aws iam delete-access-key --user-name %s --access-key-id %s", r.name, r.previous.ID)
		if r.reason == rotation.BlockedForeignKey && len(free)+3 <= width {
			try[len(try)-1] = free
		}
	}
	return append(st.world.exports()[1:], try...)
}

// introduction is what stands above the show, and stays in the terminal after it.
func (st *stage) introduction() string {
	return fmt.Sprintf("A simulated AWS serves at %s. In a second terminal:\n\n  %s\n\n(The exports are in %s too: . %s)\n",
		st.world.endpoint, strings.Join(append(st.world.exports(), commands()...), "\n  "), st.env, st.env)
}

// writeEnv puts the exports into a file to source.
func (st *stage) writeEnv(path string) error {
	st.env = path
	return os.WriteFile(path, []byte(strings.Join(st.world.exports(), "\n")+"\n"), 0o600)
}
