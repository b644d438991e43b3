package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// managedPolicyLimit is how many characters, white space aside, IAM allows in a managed policy.
const managedPolicyLimit = 6144

type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition condition `json:",omitempty"`
}

// condition is operator → key → values; encoding/json writes it in sorted order.
type condition map[string]map[string][]string

// encode writes the document for people, and refuses one that IAM would not take.
func encode(statements []statement) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document{Version: "2012-10-17", Statement: statements}); err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text.Bytes()); err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	if n := compact.Len(); n > managedPolicyLimit {
		return nil, fmt.Errorf("the policy would have %d characters, and IAM allows %d in a managed policy: choose users by path or "+
			"by one tag instead of one by one", n, managedPolicyLimit)
	}
	return text.Bytes(), nil
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// place checks account and partition, and gives the partition with its default.
func place(partition, account string) (string, error) {
	if !accountID.MatchString(account) {
		return "", fmt.Errorf("the policy needs the 12-digit id of the AWS account, not %q", account)
	}
	if partition == "" {
		partition = "aws"
	}
	if partition != "aws" && !strings.HasPrefix(partition, "aws-") {
		return "", fmt.Errorf("%q is no AWS partition: aws, aws-cn or aws-us-gov", partition)
	}
	return partition, nil
}

// secretARNs are the resources of secrets by name pattern. Secrets Manager adds a hyphen and six characters to a secret's
// name; bare adds the name without them, against which calls about a secret that does not exist yet are checked.
func secretARNs(partition, region, account string, names []string, bare bool) (out []string) {
	if region == "" {
		region = "*"
	}
	for _, n := range names {
		arn := fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:%s", partition, region, account, n)
		if bare {
			out = append(out, arn)
		}
		out = append(out, arn+"-??????")
	}
	return out
}
