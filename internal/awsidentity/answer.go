package awsidentity

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Proven is who STS says that somebody is.
type Proven struct {
	Account  string // 12 digits
	UniqueID string // AIDA… of a user, AROA… of a role: never given anew, unlike names
	ARN      string // for people; of a session it holds a name that its maker chose freely
}

const namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

var errAnswer = errors.New("the answer is not the one that STS gives to GetCallerIdentity")

// element is an element of the answer whose children are told by name; each may stand once.
type element struct {
	children map[string]*element // nil: text
	text     string
	seen     bool
}

// readAnswer takes an answer of exactly one form, from its first byte to its last. Anything that STS does not send (text beside
// elements, comments, a document type, an element that is unknown or stands twice, a second document) makes it no answer at all.
func readAnswer(body []byte) (Proven, error) {
	arn, id, account := &element{}, &element{}, &element{}
	root := &element{children: map[string]*element{
		"GetCallerIdentityResponse": {children: map[string]*element{
			"GetCallerIdentityResult": {children: map[string]*element{"Arn": arn, "UserId": id, "Account": account}},
			"ResponseMetadata":        {children: map[string]*element{"RequestId": {}}},
		}},
	}}
	d := xml.NewDecoder(bytes.NewReader(body))
	open := []*element{root}
	for first := true; ; first = false {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Proven{}, errAnswer
		}
		in := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			e := in.children[t.Name.Local]
			if e == nil || e.seen || t.Name.Space != namespace || len(open) > 1 && len(t.Attr) > 0 {
				return Proven{}, errAnswer
			}
			e.seen = true
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if in.children == nil {
				in.text += string(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return Proven{}, errAnswer
			}
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return Proven{}, errAnswer
			}
		default: // comments, document types
			return Proven{}, errAnswer
		}
	}
	if !root.children["GetCallerIdentityResponse"].seen {
		return Proven{}, errAnswer
	}
	return proven(arn.text, id.text, account.text)
}

var (
	accountText = regexp.MustCompile(`^[0-9]{12}$`)
	userARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):user/[!-~]+$`)
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/[^/\s]+/[!-~]+$`)
	userID      = regexp.MustCompile(`^(AIDA[A-Z0-9]{12,124})$`)
	roleID      = regexp.MustCompile(`^(AROA[A-Z0-9]{12,124}):[!-~]{2,64}$`)
)

// proven checks that the three say the same. Users and roles are let in; the root user and federated users (whose id begins with the
// account's number, as root's does) are not.
func proven(arn, id, account string) (Proven, error) {
	if !accountText.MatchString(account) {
		return Proven{}, errAnswer
	}
	for _, kind := range []struct{ arn, id *regexp.Regexp }{{userARN, userID}, {roleARN, roleID}} {
		a, i := kind.arn.FindStringSubmatch(arn), kind.id.FindStringSubmatch(id)
		if a != nil && i != nil && a[1] == account {
			return Proven{Account: account, UniqueID: i[1], ARN: arn}, nil
		}
	}
	if strings.HasPrefix(id, account) {
		return Proven{}, refuse("the root user and federated users are not let in: use an IAM role")
	}
	return Proven{}, fmt.Errorf("%w: its ARN, user id and account do not belong together", errAnswer)
}
