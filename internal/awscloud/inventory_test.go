package awscloud_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

func key(t testing.TB, w *awssim.World, user string) string {
	t.Helper()
	id, _, err := w.People().CreateAccessKey(user)
	ok(t, err)
	return id
}

// inventory reads, and finds users by name.
func inventory(t testing.TB, a *awscloud.Account, o awscloud.InventoryOptions) (scan.Inventory, map[string]scan.User) {
	t.Helper()
	inv := must(a.Inventory(bg, o))(t)
	users := map[string]scan.User{}
	for _, u := range inv.Users {
		users[u.Name] = u
	}
	return inv, users
}

// gaps are the parts that are missing.
func gaps(inv scan.Inventory) string {
	var out []string
	for _, g := range inv.Gaps {
		out = append(out, string(g.Part)+" "+g.Action)
	}
	return strings.Join(out, ", ")
}

// staged is an account with something of everything, and its CloudFormation key.
func staged(t testing.TB, w *awssim.World) (stackKey string) {
	t.Helper()
	p := w.People()
	ok(t, p.CreateUser("app", "/service/", map[string]string{"team": "red"}))
	used := key(t, w, "app")
	ok(t, p.UseKey(used, "s3", "us-east-1"))
	ok(t, p.CreateUser("a,b", "/", nil)) // a name that IAM takes and that has a comma
	key(t, w, "a,b")
	ok(t, p.CreateUser("keyless", "/", nil))
	ok(t, p.CreateUser("anna", "/", nil))
	ok(t, p.SetConsolePassword("anna"))
	time.Sleep(3 * time.Second) // the report knows keys by the second in which they were made
	ok(t, p.SetKeyStatus("anna", key(t, w, "anna"), "Inactive"))
	ok(t, p.CreateRootKey("iam"))
	for i := range 3 {
		ok(t, p.CreateUser(fmt.Sprintf("stack-%d", i), "/", nil))
		stackKey = must(p.CreateStack("us-east-1", fmt.Sprintf("web-%d", i), fmt.Sprintf("stack-%d", i)))(t)
	}
	ok(t, p.DeleteStack("us-east-1", "web-0"))
	ok(t, p.CreateUser("mailer", "/", nil))
	ok(t, p.PutUserPolicy("mailer", "send", `{"Statement":{"Effect":"Allow","Action":"ses:SendRawEmail","Resource":"*"}}`))
	return stackKey
}

func TestInventory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{PageSize: 1})
		stackKey := staged(t, w)
		a := simulated(t, w)
		inv, users := inventory(t, a, awscloud.InventoryOptions{Regions: []string{"eu-west-1", "us-east-1"}})
		if gaps(inv) != "" || inv.Account != account || inv.ReportAt.IsZero() || inv.At.IsZero() || len(users) != 10 {
			t.Fatalf("%d users, gaps %q: %+v", len(users), gaps(inv), inv)
		}
		root := users["<root_account>"]
		if inv.Users[0].Name != root.Name || !root.Root || len(root.Keys) != 1 || root.Keys[0].Used.Service != "iam" || root.Keys[0].Status != rotation.Active {
			t.Errorf("the root user is %+v", root)
		}
		app := users["app"].Keys[0]
		if app.Status != rotation.Active || app.Used.Service != "s3" || !app.UsedKnown || app.Stack != scan.No || users["app"].Console != scan.No ||
			users["app"].Path != "/service/" || users["app"].Tags["team"] != "red" || !users["app"].Detailed {
			t.Errorf("app is %+v", users["app"])
		}
		if k := users["a,b"].Keys; len(k) != 1 || !k[0].UsedKnown || !k[0].Used.At.IsZero() {
			t.Errorf("a,b has %+v", k)
		}
		if k := users["anna"].Keys; len(k) != 1 || k[0].Status != rotation.Inactive || users["anna"].Console != scan.Yes {
			t.Errorf("anna is %+v", users["anna"])
		}
		if u := users["keyless"]; !u.Listed || len(u.Keys) != 0 || u.Care.State != scan.CareUnasked {
			t.Errorf("keyless is %+v", u)
		}
		if u := users["stack-0"]; len(u.Keys) != 0 {
			t.Errorf("stack-0 has %+v", u.Keys)
		}
		if k := users["stack-2"].Keys; len(k) != 1 || k[0].ID != stackKey || k[0].Stack != scan.Yes || k[0].StackName != "web-2 in us-east-1" {
			t.Errorf("stack-2 has %+v", k)
		}
		if k := users["stack-1"].Keys; len(k) != 1 || k[0].Stack != scan.Yes {
			t.Errorf("stack-1, whose stack is on the second page, has %+v", k)
		}
		if got := users["mailer"].Allowed; !slices.Equal(got, []string{"ses:sendrawemail"}) {
			t.Errorf("mailer may %q", got)
		}
		counts := w.Counts()
		// 5 users with a key, and the rotator; a page of stacks elsewhere and two here, and two pages of what each of two made
		if counts["GetAccessKeyLastUsed"] != 0 || counts["ListAccessKeys"] != 6 || counts["ListStacks"] != 3 || counts["ListStackResources"] != 4 {
			t.Errorf("calls: %v", counts)
		}
	})
}

// TestInventoryAfterTheReport: users and keys that are younger than the report are asked for, one by one.
func TestInventoryAfterTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		p := w.People()
		for _, name := range []string{"old", "cared", "again"} {
			ok(t, p.CreateUser(name, "/", nil))
		}
		key(t, w, "old")
		a := simulated(t, w)
		must(a.Inventory(bg, awscloud.InventoryOptions{}))(t) // makes the report
		time.Sleep(time.Hour)
		ok(t, p.CreateUser("new", "/", nil))
		ok(t, p.UseKey(key(t, w, "new"), "s3", "us-east-1"))
		ok(t, p.UseKey(key(t, w, "old"), "ec2", "us-east-1"))
		key(t, w, "cared")
		ok(t, p.DeleteUser("again"))
		ok(t, p.CreateUser("again", "/", nil))
		key(t, w, "again")
		w.ResetCounts()
		inv, users := inventory(t, a, awscloud.InventoryOptions{Care: func([]awscloud.User) map[string]scan.Care {
			return map[string]scan.Care{"cared": {State: scan.InCare}}
		}})
		if age := inv.At.Sub(inv.ReportAt).Round(time.Minute); gaps(inv) != "" || age != time.Hour {
			t.Errorf("gaps %q, a report of %v ago", gaps(inv), age)
		}
		if k := users["new"].Keys; len(k) != 1 || k[0].Used.Service != "s3" || users["new"].Console != scan.Unknown {
			t.Errorf("new is %+v", users["new"])
		}
		if k := users["old"].Keys; len(k) != 2 || !k[0].UsedKnown || !k[0].Used.At.IsZero() || k[1].Used.Service != "ec2" {
			t.Errorf("old has %+v", k)
		}
		if len(users["cared"].Keys) != 1 || len(users["again"].Keys) != 1 || users["again"].Console != scan.Unknown {
			t.Errorf("cared has %+v, again is %+v", users["cared"].Keys, users["again"])
		}
		if c := w.Counts(); c["GetAccessKeyLastUsed"] != 4 || c["GenerateCredentialReport"] != 0 || c["GetCredentialReport"] != 1 {
			t.Errorf("calls: %v", c)
		}
	})
}

// TestInventoryDenied: each refusal is one gap that names the action, and what it hides is unknown.
func TestInventoryDenied(t *testing.T) {
	for action, c := range map[string]struct {
		gaps string
		all  func(users map[string]scan.User) bool
	}{
		"iam:GetAccountAuthorizationDetails": {"users iam:GetAccountAuthorizationDetails", func(users map[string]scan.User) bool {
			u := users["app"]
			return !u.Detailed && u.Path == "/service/" && u.Care.State == scan.CareUnknown && len(u.Keys) == 1 && u.Keys[0].UsedKnown && len(users) == 10
		}},
		"iam:GetCredentialReport": {"report iam:GetCredentialReport", func(users map[string]scan.User) bool {
			k := users["app"].Keys
			return !users["<root_account>"].Listed && users["anna"].Console == scan.Unknown && k[0].Used.Service == "s3" && users["keyless"].Listed
		}},
		"iam:GenerateCredentialReport": {"report iam:GenerateCredentialReport", func(users map[string]scan.User) bool {
			return !users["<root_account>"].Listed && len(users["app"].Keys) == 1
		}},
		"iam:ListAccessKeys": {"keys iam:ListAccessKeys", func(users map[string]scan.User) bool {
			return !users["app"].Listed && users["keyless"].Listed && users["<root_account>"].Listed
		}},
		"cloudformation:ListStacks": {"stacks cloudformation:ListStacks", func(users map[string]scan.User) bool {
			return users["app"].Keys[0].Stack == scan.Unknown && users["stack-2"].Keys[0].Stack == scan.Unknown
		}},
		"cloudformation:ListStackResources": {"stacks cloudformation:ListStackResources", func(users map[string]scan.User) bool {
			return users["app"].Keys[0].Stack == scan.Unknown
		}},
	} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(awssim.Config{})
				staged(t, w)
				ok(t, w.People().Deny("keyturn-rotator", action))
				inv, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{
					Care: func([]awscloud.User) map[string]scan.Care { return nil },
				})
				if gaps(inv) != c.gaps {
					t.Errorf("gaps are %q", gaps(inv))
				}
				for _, g := range inv.Gaps {
					if !strings.Contains(g.Text, "allow "+action+" to keyturn's identity") || strings.Contains(g.Text, "took effect") {
						t.Errorf("the gap says %q", g.Text)
					}
				}
				if !c.all(users) {
					t.Errorf("users are %+v", users)
				}
			})
		})
	}
	t.Run("last use", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(awssim.Config{})
			staged(t, w)
			ok(t, w.People().Deny("keyturn-rotator", "iam:GetCredentialReport", "iam:GetAccessKeyLastUsed"))
			inv, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{})
			if k := users["app"].Keys[0]; gaps(inv) != "report iam:GetCredentialReport, last-used iam:GetAccessKeyLastUsed" || k.UsedKnown {
				t.Errorf("gaps %q, key %+v", gaps(inv), k)
			}
		})
	})
	t.Run("everything", func(t *testing.T) {
		w := newWorld(awssim.Config{})
		ok(t, w.People().Deny("keyturn-rotator", "iam:GetCredentialReport", "iam:GetAccountAuthorizationDetails"))
		_, err := simulated(t, w).Inventory(bg, awscloud.InventoryOptions{})
		e := failed(t, err, rotation.ErrDenied, true)
		if e.Action != "iam:GetAccountAuthorizationDetails" || !strings.Contains(err.Error(), "allow iam:GetCredentialReport") {
			t.Error(err)
		}
	})
}

// TestInventoryAllDenied: when nobody may be asked, asking ends soon.
func TestInventoryAllDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		for i := range 300 {
			name := fmt.Sprintf("u%d", i)
			ok(t, w.People().CreateUser(name, "/", nil))
			key(t, w, name)
		}
		ok(t, w.People().Deny("keyturn-rotator", "iam:ListAccessKeys"))
		inv, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{})
		if n := w.Counts()["ListAccessKeys"]; n > 40 || gaps(inv) != "keys iam:ListAccessKeys" {
			t.Errorf("%d calls, gaps %q", n, gaps(inv))
		}
		if text := inv.Gaps[0].Text; !strings.Contains(text, "the keys of 301 users are unknown") || users["u7"].Listed {
			t.Error(text)
		}
	})
}

// TestInventoryWaitsForTheReport: until it is made, and not for ever.
func TestInventoryWaitsForTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		making := time.Now().Add(40 * time.Second)
		w := newWorld(awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if c.Operation == "GetCredentialReport" && c.N > 1 && time.Now().Before(making) {
				return awssim.Fate{FailBefore: "ReportInProgress"}
			}
			return awssim.Fate{}
		}})
		staged(t, w)
		a := simulated(t, w)
		inv, users := inventory(t, a, awscloud.InventoryOptions{})
		if gaps(inv) != "" || !users["app"].Keys[0].UsedKnown || w.Counts()["GenerateCredentialReport"] != 1 {
			t.Errorf("gaps %q, calls %v", gaps(inv), w.Counts())
		}
		making = time.Now().Add(time.Hour)
		began := time.Now()
		inv, _ = inventory(t, a, awscloud.InventoryOptions{})
		if gaps(inv) != "report " || !strings.Contains(inv.Gaps[0].Text, "scan again in a few minutes") || time.Since(began) > 3*time.Minute {
			t.Errorf("after %v: %+v", time.Since(began), inv.Gaps)
		}
		making = time.Now()
		time.Sleep(5 * time.Hour) // it expires, and another one is made
		inv, _ = inventory(t, a, awscloud.InventoryOptions{})
		if age := inv.At.Sub(inv.ReportAt); gaps(inv) != "" || age > time.Minute {
			t.Errorf("gaps %q, a report of %v ago", gaps(inv), age)
		}
		ctx, stop := context.WithTimeout(bg, time.Minute)
		defer stop()
		making = time.Now().Add(time.Hour)
		if _, err := a.Inventory(ctx, awscloud.InventoryOptions{}); err == nil {
			t.Error("a scan that was stopped said nothing")
		}
	})
}

// TestInventoryIsCheap: of 1,200 users only those with keys are asked for them.
func TestInventoryIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		for i := range 1200 {
			name := fmt.Sprintf("user-%04d", i)
			ok(t, w.People().CreateUser(name, "/", nil))
			if i%100 == 0 {
				key(t, w, name)
			}
		}
		inv, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{})
		// identity 1; 1,201 users 2 pages; the report: none yet, make one, being made, got it; 13 users with keys; stacks 1
		if inv.Calls > 22 || w.Counts()["ListAccessKeys"] != 13 || len(users) != 1202 || gaps(inv) != "" {
			t.Errorf("%d calls for %d users: %v", inv.Calls, len(users), w.Counts())
		}
	})
}

// TestInventoryOfTheSameSecond: the report cannot tell two keys apart that were made at once.
func TestInventoryOfTheSameSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		ok(t, w.People().CreateUser("twins", "/", nil))
		ok(t, w.People().UseKey(key(t, w, "twins"), "s3", "us-east-1"))
		key(t, w, "twins")
		_, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{})
		if k := users["twins"].Keys; len(k) != 2 || k[0].Used.Service != "s3" || !k[1].UsedKnown || !k[1].Used.At.IsZero() {
			t.Errorf("twins has %+v", k)
		}
		if n := w.Counts()["GetAccessKeyLastUsed"]; n != 2 {
			t.Errorf("%d keys were asked for", n)
		}
	})
}

// TestInventoryOfWhatGoes: a user and a stack that are deleted while they are read are no gap.
func TestInventoryOfWhatGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *awssim.World
		w = newWorld(awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			switch {
			case c.Operation == "ListStackResources" && c.N == 1:
				return awssim.Fate{Before: func() { _ = w.People().DeleteStack("us-east-1", "web-2") }}
			case c.Operation == "ListAccessKeys" && c.User == "anna":
				return awssim.Fate{Before: func() { _ = w.People().DeleteUser("anna") }}
			}
			return awssim.Fate{}
		}})
		staged(t, w)
		vanished := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil || !strings.Contains(string(body), "Action=ListStackResources") || !strings.Contains(string(body), "web-1") {
				r.Body = io.NopCloser(bytes.NewReader(body))
				return w.Transport().RoundTrip(r)
			}
			text := "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id web-1 does not exist</Message></Error></ErrorResponse>"
			return &http.Response{StatusCode: 400, Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}},
				Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
		})
		a := simulated(t, w, func(c *awscloud.Config) { c.HTTPClient = &http.Client{Transport: vanished} })
		inv, users := inventory(t, a, awscloud.InventoryOptions{})
		if gaps(inv) != "" || !users["anna"].Listed || len(users["anna"].Keys) != 0 || users["app"].Keys[0].Stack != scan.No {
			t.Errorf("gaps %q, anna is %+v", gaps(inv), users["anna"])
		}
	})
}

// TestInventoryFailed: a service that is away is a gap as well, without an action to allow.
func TestInventoryFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
			if c.Service == "cloudformation" || c.Operation == "GenerateCredentialReport" {
				return awssim.Fate{FailBefore: awssim.ServiceFailure}
			}
			return awssim.Fate{}
		}})
		staged(t, w)
		inv, users := inventory(t, simulated(t, w), awscloud.InventoryOptions{})
		if gaps(inv) != "report , stacks " || users["app"].Keys[0].Stack != scan.Unknown {
			t.Errorf("%+v", inv.Gaps)
		}
		for _, g := range inv.Gaps {
			if strings.Contains(g.Text, "took effect") {
				t.Errorf("a read cannot take effect: %s", g.Text)
			}
		}
	})
}

// TestAllowed: what a user's policies allow is known only when all of them can be read and listed.
func TestAllowed(t *testing.T) {
	w := newWorld(awssim.Config{})
	p := w.People()
	assume := p.PutPolicy("assume", `{"Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}]}`)
	p.PutGroup("senders", nil, map[string]string{"send": `{"Statement":{"Effect":"Allow","Action":"ses:SendEmail","Resource":"*"}}`})
	p.PutGroup("managed", []string{"ReadOnlyAccess"}, nil)
	for name, c := range map[string]struct {
		policies []string
		inline   string
		group    string
		want     []string
	}{
		"none":      {want: []string{}},
		"one":       {inline: `{"Statement":{"Effect":"Allow","Action":"SES:SendRawEmail"}}`, want: []string{"ses:sendrawemail"}},
		"all":       {policies: []string{assume}, group: "senders", want: []string{"ses:sendemail", "sts:assumerole", "sts:tagsession"}},
		"denied":    {inline: `{"Statement":[{"Effect":"Deny","Action":"s3:*"},{"Effect":"Allow","Action":"s3:Get*"}]}`, want: []string{"s3:get*"}},
		"all-but":   {inline: `{"Statement":{"Effect":"Allow","NotAction":"iam:*"}}`},
		"deny-but":  {inline: `{"Statement":{"Effect":"Deny","NotAction":"iam:*"}}`, want: []string{}},
		"by-aws":    {policies: []string{"AmazonSESFullAccess"}},
		"by-group":  {inline: `{"Statement":{"Effect":"Allow","Action":"ses:SendEmail"}}`, group: "managed"},
		"unlegible": {inline: `{"Statement":{"Effect":"Allow","Action":7}}`},
	} {
		ok(t, p.CreateUser(name, "/", nil, c.policies...))
		if c.inline != "" {
			ok(t, p.PutUserPolicy(name, "inline", c.inline))
		}
		if c.group != "" {
			ok(t, p.AddUserToGroup(name, c.group))
		}
		for _, u := range must(simulated(t, w).Users(bg))(t) {
			if u.Name == name && (!slices.Equal(u.Allowed, c.want) || (u.Allowed == nil) != (c.want == nil)) {
				t.Errorf("%s may %q, not %q", name, u.Allowed, c.want)
			}
		}
	}
}

// TestInventoryOfSome reads nothing of the others.
func TestInventoryOfSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		staged(t, w)
		inv, _ := inventory(t, simulated(t, w), awscloud.InventoryOptions{Only: []string{"app", "nobody"}})
		if len(inv.Users) != 1 || inv.Users[0].Name != "app" || w.Counts()["ListAccessKeys"] != 1 {
			t.Errorf("%+v, calls %v", inv.Users, w.Counts())
		}
	})
}
