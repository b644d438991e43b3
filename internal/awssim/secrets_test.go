package awssim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/keyturn/keyturn/internal/awssim"
)

// versions stores values v1…vn in a new secret "s" and returns their ids; all but the first as pending.
func versions(c *client, n int) []string {
	c.t.Helper()
	c.createSecret("s")
	var ids []string
	for i := range n {
		name := fmt.Sprintf("v%d", i+1)
		ids = append(ids, c.putValue("s", token(name), name, "AWSPENDING"))
	}
	return ids
}

func wantStages(t *testing.T, w *awssim.World, version string, want ...string) {
	t.Helper()
	got := stagesOf(t, w, "s", version)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("version %s has the stages %v, want %v", version, got, want)
	}
}

func TestFirstVersionBecomesCurrentWhateverIsAsked(t *testing.T) {
	w := awssim.New(awssim.Config{})
	ids := versions(rotator(t, w), 2)
	wantStages(t, w, ids[0], "AWSCURRENT")
	wantStages(t, w, ids[1], "AWSPENDING")
}

func TestPutWithoutStagesMovesCurrentAndPrevious(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	ids := versions(c, 1)
	second := c.putValue("s", token("x"), "x")
	third := c.putValue("s", token("y"), "y")
	wantStages(t, w, third, "AWSCURRENT")
	wantStages(t, w, second, "AWSPREVIOUS")
	wantStages(t, w, ids[0], "AWSPENDING")
}

func TestStageMovesByCompareAndSwapOnly(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	ids := versions(c, 3)
	refused(t, c.move("s", "AWSCURRENT", ids[1], ""), "InvalidParameterException")
	refused(t, c.move("s", "AWSCURRENT", ids[1], ids[2]), "InvalidParameterException")
	refused(t, c.move("s", "AWSCURRENT", "", ids[0]), "InvalidParameterException")
	refused(t, c.move("s", "AWSCURRENT", token("none"), ids[0]), "ResourceNotFoundException")
	wantStages(t, w, ids[0], "AWSCURRENT")
	if err := c.move("s", "AWSCURRENT", ids[1], ids[0]); err != nil {
		t.Fatal(err)
	}
	wantStages(t, w, ids[0], "AWSPREVIOUS")
	wantStages(t, w, ids[1], "AWSCURRENT")
	// The same call again finds the label elsewhere: it fails, and a caller must look.
	refused(t, c.move("s", "AWSCURRENT", ids[1], ids[0]), "InvalidParameterException")
	if err := c.move("s", "AWSCURRENT", ids[1], ""); err != nil {
		t.Fatalf("attaching a label where it is: %v", err)
	}
	if err := c.move("s", "AWSCURRENT", ids[2], ids[1]); err != nil {
		t.Fatal(err)
	}
	wantStages(t, w, ids[0])
	wantStages(t, w, ids[1], "AWSPREVIOUS")
	wantStages(t, w, ids[2], "AWSCURRENT", "AWSPENDING")
	list := func(all bool) int {
		return len(must(c.sm.ListSecretVersionIds(bg, &secretsmanager.ListSecretVersionIdsInput{
			SecretId: aws.String("s"), IncludeDeprecated: &all,
		}))(t).Versions)
	}
	if shown, all := list(false), list(true); shown != 2 || all != 3 {
		t.Fatalf("%d labelled versions of %d", shown, all)
	}
}

func TestTokens(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	ids := versions(c, 2)
	put := func(tok, value string) error {
		_, err := c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("s"), ClientRequestToken: &tok, SecretString: &value,
		})
		return err
	}
	if err := put(ids[1], "v2"); err != nil {
		t.Fatalf("the same token and value: %v", err)
	}
	wantStages(t, w, ids[1], "AWSPENDING") // ignored: the labels did not move either
	refused(t, put(ids[1], "other"), "ResourceExistsException")
	refused(t, put("short", "x"), "InvalidParameterException")
	refused(t, put(token("big"), strings.Repeat("x", 65_537)), "ValidationException")
}

func TestSecretLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := rotator(t, w)
		versions(c, 1)
		_, err := c.sm.CreateSecret(bg, &secretsmanager.CreateSecretInput{Name: aws.String("s")})
		refused(t, err, "ResourceExistsException")
		_, err = c.sm.CreateSecret(bg, &secretsmanager.CreateSecretInput{Name: aws.String("a,b")})
		refused(t, err, "ValidationException")
		must(c.sm.DeleteSecret(bg, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7)}))(t)
		get := func() error {
			_, err := c.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
			return err
		}
		refused(t, get(), "InvalidRequestException")
		refused(t, c.move("s", "AWSCURRENT", token("v1"), ""), "InvalidRequestException")
		d := must(c.sm.DescribeSecret(bg, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}))(t)
		if d.DeletedDate == nil {
			t.Fatal("DescribeSecret tells no DeletedDate")
		}
		must(c.sm.RestoreSecret(bg, &secretsmanager.RestoreSecretInput{SecretId: aws.String("s")}))(t)
		if err := get(); err != nil {
			t.Fatal(err)
		}
		must(c.sm.DeleteSecret(bg, &secretsmanager.DeleteSecretInput{SecretId: aws.String("s"), RecoveryWindowInDays: aws.Int64(7)}))(t)
		time.Sleep(7 * 24 * time.Hour)
		refused(t, get(), "ResourceNotFoundException")
		c.createSecret("s")
		if w.Secret("s").ARN == *d.ARN {
			t.Fatal("a new secret of an old name has the old ARN")
		}
	})
}

func TestSecretIsFoundByNameAndARN(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	c.createSecret("a/b")
	c.createSecret("c-abcdef")
	find := func(id string) error {
		_, err := c.sm.DescribeSecret(bg, &secretsmanager.DescribeSecretInput{SecretId: &id})
		return err
	}
	arn := w.Secret("a/b").ARN
	for _, id := range []string{"a/b", arn, strings.TrimSuffix(arn, arn[len(arn)-7:]), w.Secret("c-abcdef").ARN} {
		if err := find(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{
		"a", arn[:len(arn)-1] + "0", strings.Replace(arn, "us-east-1", "us-west-2", 1),
		// A partial ARN whose end looks like AWS's own suffix is taken for a complete one.
		"arn:aws:secretsmanager:us-east-1:123456789012:secret:c-abcdef",
	} {
		refused(t, find(id), "ResourceNotFoundException")
	}
}

func TestTagsOfSecrets(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	c.createSecret("s")
	tag := func(kv ...string) error {
		in := &secretsmanager.TagResourceInput{SecretId: aws.String("s")}
		for i := 0; i < len(kv); i += 2 {
			in.Tags = append(in.Tags, smtypes.Tag{Key: &kv[i], Value: &kv[i+1]})
		}
		_, err := c.sm.TagResource(bg, in)
		return err
	}
	if err := tag("keyturn:intent", "v1 open 2026-11-23T06:30:00Z base=none had=ab.cd", "x", "1"); err != nil {
		t.Fatal(err)
	}
	if err := tag("x", "2"); err != nil {
		t.Fatal(err)
	}
	if got := w.Secret("s").Tags; len(got) != 2 || got["x"] != "2" {
		t.Fatalf("tags: %v", got)
	}
	refused(t, tag("x", "a,b"), "InvalidParameterException")
	refused(t, tag("x", strings.Repeat("x", 257)), "InvalidParameterException")
	refused(t, tag("aws:x", "1"), "InvalidParameterException")
	var many []string
	for i := range 48 {
		many = append(many, fmt.Sprint("t", i), "")
	}
	if err := tag(many...); err != nil {
		t.Fatal(err)
	}
	refused(t, tag("one-more", ""), "InvalidParameterException")
	must(c.sm.UntagResource(bg, &secretsmanager.UntagResourceInput{SecretId: aws.String("s"), TagKeys: []string{"x", "absent"}}))(t)
	if _, ok := w.Secret("s").Tags["x"]; ok {
		t.Fatal("the tag is still there")
	}
}

func TestVersionQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{VersionQuota: 5})
		c := rotator(t, w)
		c.createSecret("s")
		put := func(i int) error {
			_, err := c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{
				SecretId: aws.String("s"), SecretString: aws.String(fmt.Sprint(i)), ClientRequestToken: aws.String(token(fmt.Sprint(i))),
			})
			return err
		}
		for i := range 5 {
			if err := put(i); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, put(5), "LimitExceededException")
		if err := c.move("s", "KEEP", token("0"), ""); err != nil {
			t.Fatal(err)
		}
		if n := len(w.Secret("s").Versions); n != 5 {
			t.Fatalf("the refused version left %d", n)
		}
		time.Sleep(24 * time.Hour)
		if err := put(6); err != nil {
			t.Fatal(err)
		}
		if n := len(w.Secret("s").Versions); n != 5 {
			t.Fatalf("%d versions after pruning", n)
		}
		wantStages(t, w, token("4"), "AWSPREVIOUS")
		wantStages(t, w, token("0"), "KEEP") // the oldest, and labelled
	})
}

func TestTenMinuteRotationStaysWithinTheVersionQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := rotator(t, w)
		c.createSecret("s")
		for i := range 400 {
			c.putValue("s", token(fmt.Sprint(i)), fmt.Sprint(i))
			time.Sleep(10 * time.Minute)
		}
	})
}

func TestReplica(t *testing.T) {
	w := awssim.New(awssim.Config{Regions: []string{"us-east-1", "eu-west-1"}})
	c := rotator(t, w)
	versions(c, 1)
	must(c.sm.ReplicateSecretToRegions(bg, &secretsmanager.ReplicateSecretToRegionsInput{
		SecretId: aws.String("s"), AddReplicaRegions: []smtypes.ReplicaRegionType{{Region: aws.String("eu-west-1")}},
	}))(t)
	id, secret := w.RotatorKey()
	there := connect(t, w, id, secret, "eu-west-1")
	got := must(there.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}))(t)
	if *got.SecretString != "v1" || *got.ARN != strings.Replace(w.Secret("s").ARN, "us-east-1", "eu-west-1", 1) {
		t.Fatalf("replica: %s %s", *got.ARN, *got.SecretString)
	}
	_, err := there.sm.TagResource(bg, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: []smtypes.Tag{}})
	refused(t, err, "InvalidParameterException")
}

func TestSecretLists(t *testing.T) {
	w := awssim.New(awssim.Config{PageSize: 2})
	c := rotator(t, w)
	for i := range 5 {
		must(c.sm.CreateSecret(bg, &secretsmanager.CreateSecretInput{
			Name: aws.String(fmt.Sprint("k/", i)), SecretString: aws.String(fmt.Sprint(i)), ClientRequestToken: aws.String(token(fmt.Sprint(i))),
		}))(t)
	}
	c.createSecret("other")
	filter := []smtypes.Filter{{Key: smtypes.FilterNameStringTypeName, Values: []string{"k/"}}}
	var names []string
	for p := secretsmanager.NewListSecretsPaginator(c.sm, &secretsmanager.ListSecretsInput{Filters: filter, SortOrder: "asc"}); p.HasMorePages(); {
		page := must(p.NextPage(bg))(t)
		if len(page.SecretList) > 2 {
			t.Fatalf("a page of %d", len(page.SecretList))
		}
		for _, s := range page.SecretList {
			names = append(names, *s.Name)
		}
	}
	if got := strings.Join(names, " "); got != "k/0 k/1 k/2 k/3 k/4" {
		t.Fatal(got)
	}
	out := must(c.sm.BatchGetSecretValue(bg, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"k/3", "nope"}}))(t)
	if len(out.SecretValues) != 1 || *out.SecretValues[0].SecretString != "3" || len(out.Errors) != 1 ||
		*out.Errors[0].ErrorCode != "ResourceNotFoundException" {
		t.Fatalf("%+v", out)
	}
}

func TestSecretOfOthers(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	versions(c, 1)
	p := w.People()
	p.SetSecretRotation("s", true)
	p.SetOwningService("s", "rds")
	d := must(c.sm.DescribeSecret(bg, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}))(t)
	if !*d.RotationEnabled || *d.OwningService != "rds" || d.LastRotatedDate == nil {
		t.Fatalf("%+v", d)
	}
	_, err := c.sm.TagResource(bg, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: []smtypes.Tag{}})
	refused(t, err, "InvalidRequestException")
	p.SetOwningService("s", "")
	p.SetKMSBroken(true)
	_, err = c.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")})
	refused(t, err, "DecryptionFailure")
	_, err = c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("x")})
	refused(t, err, "EncryptionFailure")
}

func TestUnknownOperation(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	_, err := c.sm.GetRandomPassword(bg, &secretsmanager.GetRandomPasswordInput{})
	refused(t, err, "UnknownOperationException")
	_, err = c.iam.ListRoles(bg, nil)
	refused(t, err, "InvalidAction")
}
