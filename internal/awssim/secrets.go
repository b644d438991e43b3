package awssim

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// secretInput holds the parameters of all Secrets Manager operations.
type secretInput struct {
	SecretID                    string `json:"SecretId"`
	Name                        string
	Description                 *string
	KmsKeyID                    *string `json:"KmsKeyId"`
	ClientRequestToken          string
	SecretString                *string
	SecretBinary                []byte
	VersionStages               []string
	Tags                        []Tag
	TagKeys                     []string
	VersionID                   string `json:"VersionId"`
	VersionStage                string
	MoveToVersionID             string `json:"MoveToVersionId"`
	RemoveFromVersionID         string `json:"RemoveFromVersionId"`
	IncludeDeprecated           bool
	IncludePlannedDeletion      bool
	MaxResults                  *int
	NextToken                   string
	SortOrder                   string
	ForceDeleteWithoutRecovery  bool
	RecoveryWindowInDays        *int
	AddReplicaRegions           []replicaInput
	ForceOverwriteReplicaSecret bool
	SecretIDList                []string `json:"SecretIdList"`
	Filters                     []filterInput
	ResourcePolicy              string
}

type replicaInput struct{ Region string }

type filterInput struct {
	Key    string
	Values []string
}

var secretOperations map[string]*operation

func init() {
	secretOperations = table(
		operation{name: "CreateSecret", run: createSecret},
		operation{name: "DescribeSecret", run: describeSecret},
		operation{name: "PutSecretValue", run: putSecretValue},
		operation{name: "GetSecretValue", run: getSecretValue},
		operation{name: "BatchGetSecretValue", run: batchGetSecretValue},
		operation{name: "UpdateSecret", run: updateSecret},
		operation{name: "UpdateSecretVersionStage", run: updateSecretVersionStage},
		operation{name: "ListSecretVersionIds", run: listSecretVersionIDs},
		operation{name: "ListSecrets", run: listSecrets},
		operation{name: "TagResource", run: tagResource},
		operation{name: "UntagResource", run: untagResource},
		operation{name: "DeleteSecret", run: deleteSecret},
		operation{name: "RestoreSecret", run: restoreSecret},
		operation{name: "ReplicateSecretToRegions", run: replicateSecret},
		operation{name: "GetResourcePolicy", run: getResourcePolicy},
		operation{name: "PutResourcePolicy", run: putResourcePolicy},
		operation{name: "DeleteResourcePolicy", run: deleteResourcePolicy},
	)
}

var (
	secretNames = pattern{1, 512, regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]*$`)}
	arnSuffix   = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)
	tagValues   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}+\-=._:/@]*$`)
)

const (
	maxSecretBytes = 65_536
	tagsPerSecret  = 50
	markedDeleted  = "You can't perform this operation on the secret because it was marked for deletion."
)

// secretKey is where the secret of a name or ARN stands in World.secrets; an ARN's Region must be the
// one that is asked.
func (w *World) secretKey(region, id string) string {
	name := id
	if rest, ok := strings.CutPrefix(id, "arn:aws:secretsmanager:"); ok {
		parts := strings.SplitN(rest, ":", 4)
		if len(parts) != 4 || parts[0] != region || parts[1] != w.cfg.Account || parts[2] != "secret" {
			return ""
		}
		name = parts[3]
		// What looks like a complete ARN is taken for one, so the partial ARN of a name that itself
		// ends in a hyphen and six characters finds nothing, as on AWS.
		if arnSuffix.MatchString(name) {
			name = name[:len(name)-7]
			if st := w.secrets[region+"/"+name].state(); st != nil && st.arnIn(region) != id {
				return ""
			}
		}
	}
	return region + "/" + name
}

// arnIn is the secret's ARN in a Region: a replica's differs from the primary's by that alone.
func (st *secretState) arnIn(region string) string {
	return strings.Replace(st.arn, ":"+st.region+":", ":"+region+":", 1)
}

// find is the slot of the secret that the call names.
func (x *exec) find(id string) *secretSlot {
	s := x.w.secrets[x.w.secretKey(x.call.Region, id)]
	if s != nil {
		x.w.expire(s, x.now)
	}
	return s
}

// expire ends the life of a secret whose recovery window is over.
func (w *World) expire(s *secretSlot, now time.Time) {
	if st := s.state(); st != nil && !st.deleted.IsZero() && !now.Before(st.deleted) {
		w.removeSecret(s, now)
	}
}

// writable is the true secret for a changing call; deleted ones only when asked for.
func (x *exec) writable(deletedToo bool) (*secretSlot, *apiError) {
	if x.in.SecretID == "" {
		return nil, invalidParameter("You must provide a SecretId.")
	}
	s := x.find(x.in.SecretID)
	if s != nil && s.replica != nil {
		return nil, invalidParameter("Operation not permitted on a replica secret. " +
			"Call must be made in primary secret's region.")
	}
	st := s.state()
	switch {
	case st == nil:
		return nil, noSuchSecret()
	case !st.deleted.IsZero() && !deletedToo:
		return nil, invalidRequest(markedDeleted)
	case st.owner != "" && x.by.wire:
		return nil, invalidRequest("You can't perform this operation on the secret because it is managed by %s.", st.owner)
	}
	return s, nil
}

// readable is the secret as a reading call may see it.
func (x *exec) readable(id string) (*secretSlot, *secretState, *apiError) {
	if id == "" {
		return nil, nil, invalidParameter("You must provide a SecretId.")
	}
	s := x.find(id)
	if s == nil {
		return nil, nil, noSuchSecret()
	}
	from := s
	if s.replica != nil {
		from = s.replica
	}
	st := from.at(x.w.moment(x, s.id, &s.reads))
	if st == nil {
		return nil, nil, noSuchSecret()
	}
	return s, st, nil
}

// slice cuts a page out of n items; next says where the following one begins.
func (x *exec) slice(n, usual int) (from, to int, fault *apiError) {
	size := usual
	if m := x.in.MaxResults; m != nil {
		if *m < 1 || *m > 100 {
			return 0, 0, invalidParameter("MaxResults must be between 1 and 100.")
		}
		size = *m
	}
	if x.w.cfg.PageSize > 0 {
		size = min(size, x.w.cfg.PageSize)
	}
	if x.in.NextToken != "" {
		b, err := base64.StdEncoding.DecodeString(x.in.NextToken)
		rest, ok := strings.CutPrefix(string(b), "from:")
		if from, _ = strconv.Atoi(rest); err != nil || !ok || from < 1 {
			return 0, 0, fail(400, "InvalidNextTokenException", "The NextToken value is invalid.")
		}
	}
	from = min(from, n)
	to = min(n, from+size)
	if to < n {
		x.json.str("NextToken", base64.StdEncoding.EncodeToString([]byte("from:"+strconv.Itoa(to))))
	}
	return from, to, nil
}

// checkTags applies the tagging rules to a request; have are the tags that the secret has already.
func checkTags(have, more []Tag) *apiError {
	seen := map[string]bool{}
	for _, t := range more {
		switch {
		case t.Key == "" || len([]rune(t.Key)) > 128 || !tagValues.MatchString(t.Key):
			return invalidParameter("Tag key %q is not valid: 1 to 128 letters, digits, spaces and + - = . _ : / @.", t.Key)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return invalidParameter("Tag keys that begin with aws: are reserved for AWS.")
		case len([]rune(t.Value)) > 256 || !tagValues.MatchString(t.Value):
			return invalidParameter("The value of tag %q is not valid: at most 256 letters, digits, spaces and + - = . _ : / @.",
				t.Key)
		case seen[t.Key]:
			return invalidParameter("The tag key %q is given twice.", t.Key)
		}
		seen[t.Key] = true
	}
	if len(putTags(have, more)) > tagsPerSecret {
		return invalidParameter("You can't have more than %d tags on a secret.", tagsPerSecret)
	}
	return nil
}
