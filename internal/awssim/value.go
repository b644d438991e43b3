package awssim

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// named is what a secret's value says: which access key it is, and what else it holds.
type named struct {
	keyID, secret string
	// others are the fields that are not about the key: people's own, which a rotation must keep.
	others map[string]string
}

var longTermKey = regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`)

// aboutKey are the names, without case and separators, of fields that change with the key.
var aboutKey = map[string]bool{
	"username": true, "user": true, "createddate": true, "createdate": true, "created": true, "email": true,
	"oldaccesskeyid": true, "status": true,
}

// readValue reads a JSON value in any of the shapes in use; what is not a JSON object names nothing.
func readValue(text string) named {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil {
		return named{}
	}
	n := named{others: map[string]string{}}
	n.read("", object)
	return n
}

func (n *named) read(prefix string, object map[string]any) {
	for name, value := range object {
		if inner, ok := value.(map[string]any); ok {
			n.read(prefix+name+".", inner)
			continue
		}
		text, isText := value.(string)
		plain := strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
		old := strings.HasPrefix(plain, "old") || strings.HasPrefix(plain, "previous")
		switch {
		case old && (longTermKey.MatchString(text) || strings.HasSuffix(plain, "accesskeyid")):
		case strings.HasSuffix(plain, "accesskeyid") || longTermKey.MatchString(text):
			n.keyID = text
		case strings.HasSuffix(plain, "secretaccesskey") || strings.HasSuffix(plain, "secretkey"):
			n.secret = text
		case aboutKey[plain]:
		default:
			if _, err := time.Parse(time.RFC3339, text); isText && err == nil {
				continue // a date of the key under a name of the user's own choice
			}
			// What was unmarshalled marshals.
			b, _ := json.Marshal(value)
			n.others[prefix+name] = string(b)
		}
	}
}

// holds tells whether the value holds the secret of the key that it names, under whatever name.
func (v *version) holds(secret string) bool {
	if v.named.secret != "" {
		return v.named.secret == secret
	}
	quoted, _ := json.Marshal(secret) // a string always marshals
	for _, other := range v.named.others {
		if other == string(quoted) {
			return true
		}
	}
	return false
}

// differ names a field that one value has and the other lacks or has otherwise, or "". The secrets
// themselves differ by nature.
func (n named) differ(next named, oldSecret, newSecret string) string {
	isSecret := func(v string) bool {
		return oldSecret != "" && strings.Contains(v, oldSecret) || newSecret != "" && strings.Contains(v, newSecret)
	}
	for name, value := range n.others {
		if got, ok := next.others[name]; (!ok || got != value) && !isSecret(value) {
			return name
		}
	}
	return ""
}
