package conformance

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// list gives the names that pass all filters, sorted, in pages of a size (0: AWS's own), and the number of pages.
func (t *T) list(page int32, planned bool, filters ...smtypes.Filter) (string, int) {
	t.Helper()
	in := &secretsmanager.ListSecretsInput{Filters: filters, IncludePlannedDeletion: &planned}
	if page != 0 {
		in.MaxResults = &page
	}
	var names []string
	n := 0
	pages := secretsmanager.NewListSecretsPaginator(t.SM, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.ctx)
		t.ok(err)
		n++
		for _, s := range out.SecretList {
			names = append(names, strings.TrimPrefix(*s.Name, t.Name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " "), n
}

func filter(key smtypes.FilterNameStringType, values ...string) smtypes.Filter {
	return smtypes.Filter{Key: key, Values: values}
}

// family makes secrets whose names begin with the case's name, each tagged with its own ending.
func (t *T) family(endings ...string) {
	t.Helper()
	for _, e := range endings {
		name := t.Name + e
		_, err := t.SM.CreateSecret(t.ctx, &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: aws.String("v"), Description: aws.String(t.Name + " of " + e),
			Tags: []smtypes.Tag{smtag("family", t.Name), smtag(t.Name+"-"+e, "member")},
		})
		t.ok(err)
	}
}

const (
	byName   = smtypes.FilterNameStringTypeName
	byTagKey = smtypes.FilterNameStringTypeTagKey
	byTag    = smtypes.FilterNameStringTypeTagValue
	byText   = smtypes.FilterNameStringTypeDescription
)

// listCases are about finding secrets.
var listCases = []Case{
	{Name: "by the beginning of the name", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byName, t.Name))
		equal(t, "names", names, "a b")
	}},
	{Name: "the middle of a name is not its beginning", Run: func(t *T) {
		t.family("a")
		names, _ := t.list(0, false, filter(byName, t.Name[1:]))
		equal(t, "names", names, "")
	}},
	{Name: "names by case", Run: func(t *T) {
		t.family("a")
		names, _ := t.list(0, false, filter(byName, strings.ToUpper(t.Name)))
		equal(t, "names", names, "")
	}},
	{Name: "by tag key", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byTagKey, t.Name+"-a"))
		equal(t, "names", names, "a")
	}},
	{Name: "by tag value", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byTag, t.Name))
		equal(t, "names", names, "a b")
	}},
	{Name: "by description", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byText, t.Name))
		equal(t, "names", names, "a b")
	}},
	{Name: "several filters must all pass", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byName, t.Name), filter(byTagKey, t.Name+"-b"))
		equal(t, "names", names, "b")
	}},
	{Name: "of several values one is enough", Run: func(t *T) {
		t.family("a", "b", "c")
		names, _ := t.list(0, false, filter(byName, t.Name+"a", t.Name+"c"))
		equal(t, "names", names, "a c")
	}},
	{Name: "an exclamation mark leaves out", Run: func(t *T) {
		t.family("a", "b")
		names, _ := t.list(0, false, filter(byTag, t.Name), filter(byName, "!"+t.Name+"a"))
		equal(t, "names", names, "b")
	}},
	{Name: "in pages of the size asked", Run: func(t *T) {
		t.family("a", "b", "c", "d", "e")
		names, pages := t.list(2, false, filter(byName, t.Name))
		equal(t, "names", names, "a b c d e")
		equal(t, "pages", pages, 3)
	}},
	{Name: "pending deletion is left out", Run: func(t *T) {
		t.create("one")
		t.family("a")
		_, err := t.remove(0)
		t.ok(err)
		names, _ := t.list(0, false, filter(byName, t.Name))
		equal(t, "names", names, "a")
	}},
	{Name: "pending deletion is shown when asked", Run: func(t *T) {
		t.create("one")
		t.family("a")
		_, err := t.remove(0)
		t.ok(err)
		names, _ := t.list(0, true, filter(byName, t.Name))
		equal(t, "names", names, " a")
	}},
	{Name: "every field but the value", Run: func(t *T) {
		made := t.create("one", smtag("team", "red"))
		out, err := t.SM.ListSecrets(t.ctx, &secretsmanager.ListSecretsInput{Filters: []smtypes.Filter{filter(byName, t.Name)}})
		t.ok(err)
		equal(t, "secrets", len(out.SecretList), 1)
		got := out.SecretList[0]
		equal(t, "ARN", *got.ARN, *made.ARN)
		equal(t, "tags", len(got.Tags), 1)
		equal(t, "stages", strings.Join(got.SecretVersionsToStages[version(1)], " "), current)
		t.recent("created", got.CreatedDate)
		t.recent("changed", got.LastChangedDate)
	}},
	{Name: "a page of more than 100 is refused", Run: func(t *T) {
		_, err := t.SM.ListSecrets(t.ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(101)})
		t.Differs("secret-page-unchecked", func() { t.refused(err, validation, invalidParam) }, func() { t.ok(err) })
	}},
	{Name: "an unknown filter is refused", Run: func(t *T) {
		_, err := t.SM.ListSecrets(t.ctx, &secretsmanager.ListSecretsInput{Filters: []smtypes.Filter{filter("colour", "red")}})
		t.refused(err, validation, invalidParam)
	}},
	{Name: "a made-up token is refused", Run: func(t *T) {
		_, err := t.SM.ListSecrets(t.ctx, &secretsmanager.ListSecretsInput{NextToken: aws.String("made-up")})
		t.Differs("secret-token-crash", func() { t.refused(err, "InvalidNextTokenException 400", invalidParam) },
			func() { equal(t, "granted", err == nil, false) })
	}},
}
