package awscloud_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awsidentity"
	"github.com/keyturn/keyturn/internal/awssim"
)

// Our own credentials prove who we are to a server that asks the same endpoint.
func TestOwnIdentityIsProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		a := simulated(t, w)
		who := must(a.Identity(bg))(t)
		v, err := awsidentity.New(awsidentity.Config{ServerID: "server", Region: a.Home, Endpoint: a.STSEndpoint, Transport: w.Transport(),
			Identities: []awsidentity.Identity{{Account: account, UniqueID: who.UserID, Scopes: []apikey.Scope{apikey.Admin}}}})
		ok(t, err)
		time.Sleep(2 * time.Second)
		proof := must(a.Signer("server").Sign(bg, time.Now()))(t)
		if c := must(v.Authenticate(bg, proof.Reveal()))(t); !c.Has(apikey.Admin) || c.Name != who.ARN {
			t.Fatalf("%+v", c)
		}
	})
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOWNOWNOWNOWNOWN0")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	a, err := awscloud.Load(bg, awscloud.Config{Regions: []string{"cn-north-1"}, SecretName: "keyturn/{{.User}}/key"})
	ok(t, err)
	if a.STSEndpoint() != "" {
		t.Fatalf("AWS itself is at %q", a.STSEndpoint())
	}
	must(a.Signer("server").Sign(bg, time.Now()))(t)
}
