package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// exampleUser is whose credentials the guide shows.
const exampleUser = "ci-deploy"

// administrator is what a shell needs to talk to the simulated AWS. Older aws CLIs read AWS_DEFAULT_REGION alone, which a set
// AWS_REGION would overrule in newer ones.
func (w *world) administrator() []string {
	return []string{
		"unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION",
		"export AWS_ENDPOINT_URL=" + w.endpoint + " AWS_DEFAULT_REGION=" + region,
		"export AWS_ACCESS_KEY_ID=" + w.guestID,
		"export AWS_SECRET_ACCESS_KEY=" + w.guestSecret,
	}
}

// application is what a shell needs to be a program that uses a user's key. Keys in the environment would come first.
func (st *stage) application() []string {
	return append([]string{
		"unset AWS_PROFILE AWS_SESSION_TOKEN AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY",
		"export AWS_ENDPOINT_URL=" + st.world.endpoint + " AWS_DEFAULT_REGION=" + region,
	}, st.variables()...)
}

// variables are the two that every AWS SDK knows.
func (st *stage) variables() []string {
	return []string{
		"export AWS_CONTAINER_CREDENTIALS_FULL_URI=" + st.api.container(exampleUser),
		"export AWS_CONTAINER_AUTHORIZATION_TOKEN=" + st.api.key.Reveal(),
	}
}

// toAPI is what a shell needs to talk to keyturn's API.
func (st *stage) toAPI() string {
	return "export KEYTURN_URL=" + st.api.url + " KEYTURN_API_KEY=" + st.api.key.Reveal()
}

// commands are worth trying as administrator.
func commands() []string {
	return []string{
		"aws iam list-access-keys --user-name " + exampleUser,
		"aws secretsmanager describe-secret --secret-id keyturn/" + exampleUser + "/key",
		"aws secretsmanager list-secrets --query 'SecretList[].Name'",
	}
}

// What to try as an application, and with the API.
const (
	callAWS = "aws sts get-caller-identity"
	callAPI = `curl -H "X-API-Key: $KEYTURN_API_KEY" $KEYTURN_URL/v1/credentials/` + exampleUser
)

// wideGuide is the width from which the guide has the variables themselves beside the files that hold them.
const wideGuide = 120

// guideLine is a command to copy, and what is said of it.
type guideLine struct{ command, says string }

// guide is what a second terminal needs. Once a key made by hand is in the way, there is the command that removes it, where a line has
// room for it.
func (st *stage) guide(width int) []guideLine {
	try := commands()
	if user, key := st.board.inTheWay(); user != "" {
		free := fmt.Sprintf("aws iam delete-access-key --user-name %s --access-key-id %s", user, key)
		if len(free)+3 <= width {
			try[len(try)-1] = free
		}
	}
	lines := []guideLine{{". " + st.env, "as an administrator"}, {try[len(try)-1], ""}}
	if width >= wideGuide {
		lines = append(lines, guideLine{try[0], ""})
	}
	lines = append(lines, guideLine{". " + st.app, "as an application with " + exampleUser + "'s key"})
	if width >= wideGuide {
		for _, v := range st.variables() {
			lines = append(lines, guideLine{v, ""})
		}
	}
	return append(lines, guideLine{callAWS, ""}, guideLine{callAPI, ""})
}

// introduction is what stands above the show, and stays in the terminal after it.
func (st *stage) introduction() string {
	block := func(lines ...string) string { return "\n\n  " + strings.Join(lines, "\n  ") + "\n\n" }
	return "A simulated AWS serves at " + st.world.endpoint + ", and keyturn's API at " + st.api.url + ".\n" +
		"In a second terminal, as an administrator of that AWS:" + block(append(st.world.administrator(), commands()...)...) +
		"As an application with the key of " + exampleUser + ", which its SDK renews by itself after each rotation:" +
		block(append(st.application(), callAWS)...) +
		"With keyturn's API, and an API key that may do everything:" + block(st.toAPI(), callAPI) +
		fmt.Sprintf("(The exports are in files, too: . %s for the administrator, . %s for the application.)\n", st.env, st.app)
}

// writeExports puts the exports into files to source.
func (st *stage) writeExports(folder string) error {
	st.env, st.app = filepath.Join(folder, "env"), filepath.Join(folder, "app")
	for path, lines := range map[string][]string{
		st.env: append(append([]string{"unset AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN"},
			st.world.administrator()...), st.toAPI()),
		st.app: append(st.application(), st.toAPI()),
	} {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}
