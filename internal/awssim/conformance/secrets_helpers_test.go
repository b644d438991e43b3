package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// The refusals that many cases share. Secrets Manager refuses with 400 whatever the reason.
const (
	notFound       = "ResourceNotFoundException 400"
	resourceExists = "ResourceExistsException 400"
	invalidParam   = "InvalidParameterException 400"
	invalidRequest = "InvalidRequestException 400"
	// validation is what AWS answers when a value breaks the service model before the service itself looks at it.
	validation = "ValidationException 400"

	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

// version is the n-th version id of a case: a valid client request token.
func version(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// create makes a secret with the case's name; an empty value makes a secret without one. Its version is version(1).
func (t *T) create(value string, tags ...smtypes.Tag) *secretsmanager.CreateSecretOutput {
	t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &t.Name, Tags: tags, ClientRequestToken: aws.String(version(1))}
	if value != "" {
		in.SecretString = &value
	}
	out, err := t.SM.CreateSecret(t.ctx, in)
	t.ok(err)
	return out
}

// smtag is a tag of a secret.
func smtag(key, value string) smtypes.Tag { return smtypes.Tag{Key: &key, Value: &value} }

// put stores version n.
func (t *T) put(n int, value string, stages ...string) *secretsmanager.PutSecretValueOutput {
	t.Helper()
	out, err := t.tryPut(n, value, stages...)
	t.ok(err)
	return out
}

func (t *T) tryPut(n int, value string, stages ...string) (*secretsmanager.PutSecretValueOutput, error) {
	return t.SM.PutSecretValue(t.ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &t.Name, SecretString: &value, ClientRequestToken: aws.String(version(n)), VersionStages: stages,
	})
}

// get reads what carries a stage.
func (t *T) get(stage string) (*secretsmanager.GetSecretValueOutput, error) {
	return t.SM.GetSecretValue(t.ctx, &secretsmanager.GetSecretValueInput{SecretId: &t.Name, VersionStage: &stage})
}

// value checks what carries a stage.
func (t *T) value(stage, want string) {
	t.Helper()
	out, err := t.get(stage)
	t.ok(err)
	equal(t, "value of "+stage, *out.SecretString, want)
}

// describe gives what AWS says of the case's secret.
func (t *T) describe() *secretsmanager.DescribeSecretOutput {
	t.Helper()
	out, err := t.SM.DescribeSecret(t.ctx, &secretsmanager.DescribeSecretInput{SecretId: &t.Name})
	t.ok(err)
	return out
}

// labels checks all labels of the secret, in the form "AWSCURRENT=2 AWSPREVIOUS=1", sorted by label.
func (t *T) labels(want string) {
	t.Helper()
	var got []string
	for id, stages := range t.describe().VersionIdsToStages {
		n := 0
		if _, err := fmt.Sscanf(id, "00000000-0000-4000-8000-%d", &n); err != nil {
			t.Fatalf("version %s is not of this case", id)
		}
		for _, stage := range stages {
			got = append(got, fmt.Sprintf("%s=%d", stage, n))
		}
	}
	slices.Sort(got)
	equal(t, "labels", strings.Join(got, " "), want)
}

// move moves a stage; from and to are versions, 0 for none.
func (t *T) move(stage string, from, to int) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &t.Name, VersionStage: &stage}
	if from != 0 {
		in.RemoveFromVersionId = aws.String(version(from))
	}
	if to != 0 {
		in.MoveToVersionId = aws.String(version(to))
	}
	_, err := t.SM.UpdateSecretVersionStage(t.ctx, in)
	return err
}

// secretTags gives the secret's tags: key to value.
func (t *T) secretTags() map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, x := range t.describe().Tags {
		found[*x.Key] = *x.Value
	}
	return found
}

// remove deletes the case's secret with a recovery window of so many days; 0 is AWS's default.
func (t *T) remove(days int64) (*secretsmanager.DeleteSecretOutput, error) {
	in := &secretsmanager.DeleteSecretInput{SecretId: &t.Name}
	if days != 0 {
		in.RecoveryWindowInDays = &days
	}
	return t.SM.DeleteSecret(t.ctx, in)
}
