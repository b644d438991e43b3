package awssim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/awssim"
)

// doomed is a world in which every CreateAccessKey meets one fate.
func doomed(t *testing.T, f awssim.Fate) (*awssim.World, *client) {
	w := awssim.New(awssim.Config{OnCall: func(c *awssim.Call) awssim.Fate {
		if c.Operation != "CreateAccessKey" {
			return awssim.Fate{}
		}
		if c.User != "alice" || c.Service != "iam" || !c.Rotator || c.Caller != "keyturn-rotator" || c.N < 1 {
			t.Errorf("the call is described as %+v", c)
		}
		return f
	}})
	return w, people(t, w, "alice")
}

func TestFates(t *testing.T) {
	cases := []struct {
		name string
		fate awssim.Fate
		kill string // "before" or "after" the effect
		keys int    // that stand afterwards
		code string // "" for an ordinary answer, "broken" for a broken connection
	}{
		{"none", awssim.Fate{}, "", 1, ""},
		{"throttled", awssim.Fate{Throttle: true}, "", 0, "Throttling"},
		{"failed before", awssim.Fate{FailBefore: awssim.ServiceFailure}, "", 0, "ServiceFailure"},
		{"denied", awssim.Fate{FailBefore: awssim.AccessDenied}, "", 0, "AccessDenied"},
		{"failed after", awssim.Fate{FailAfter: awssim.ServiceFailure}, "", 1, "ServiceFailure"},
		{"dropped before", awssim.Fate{DropBefore: true}, "", 0, "broken"},
		{"reply dropped", awssim.Fate{DropReply: true}, "", 1, "broken"},
		{"delayed", awssim.Fate{Delay: time.Second, DelayReply: time.Second}, "", 1, ""},
		{"killed after", awssim.Fate{}, "after", 1, "cancelled"},
		{"killed before", awssim.Fate{}, "before", 0, "cancelled"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithCancel(bg)
				defer end()
				switch c.kill {
				case "before":
					c.fate.Before = end
				case "after":
					c.fate.After = end
				}
				w, r := doomed(t, c.fate)
				start := time.Now()
				_, err := r.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
				switch c.code {
				case "":
					must(0, err)(t)
				case "broken":
					if !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Fatalf("got %v", err)
					}
				case "cancelled":
					if !errors.Is(err, context.Canceled) {
						t.Fatalf("got %v", err)
					}
				default:
					refused(t, err, c.code)
				}
				if n := len(w.Keys("alice")); n != c.keys {
					t.Fatalf("%d keys stand", n)
				}
				if took := time.Since(start); took != c.fate.Delay+c.fate.DelayReply {
					t.Fatalf("it took %v", took)
				}
			})
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, r := doomed(t, awssim.Fate{Delay: time.Minute, LandLate: late})
			ctx, cancel := context.WithTimeout(bg, 10*time.Second)
			defer cancel()
			_, err := r.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
			if !errors.Is(err, context.DeadlineExceeded) || len(w.Keys("alice")) != 0 {
				t.Fatalf("%v, keys %v", err, w.Keys("alice"))
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := len(w.Keys("alice")); n == 1 != late {
				t.Fatalf("late %v: %d keys stand", late, n)
			}
		})
	}
}

func TestBrokenConnectionOverTCP(t *testing.T) {
	w, r := doomed(t, awssim.Fate{DropReply: true})
	srv := httptest.NewServer(w)
	defer srv.Close()
	cfg := r.cfg.Copy()
	cfg.BaseEndpoint, cfg.HTTPClient = &srv.URL, &http.Client{}
	_, err := iam.NewFromConfig(cfg).CreateAccessKey(bg, &iam.CreateAccessKeyInput{UserName: aws.String("alice")})
	var api smithy.APIError
	if err == nil || errors.As(err, &api) {
		t.Fatalf("got %v", err)
	}
	if len(w.Keys("alice")) != 1 {
		t.Fatal("the call took no effect")
	}
	must(iam.NewFromConfig(cfg).ListAccessKeys(bg, &iam.ListAccessKeysInput{UserName: aws.String("alice")}))(t)
}

func TestFaultsAreInTheWordsOfTheService(t *testing.T) {
	code := ""
	w := awssim.New(awssim.Config{OnCall: func(*awssim.Call) awssim.Fate { return awssim.Fate{FailBefore: code} }})
	c := rotator(t, w)
	for _, want := range []struct{ asked, iam, sts, sm string }{
		{awssim.ServiceFailure, "ServiceFailure", "InternalFailure", "InternalServiceError"},
		{awssim.AccessDenied, "AccessDenied", "AccessDenied", "AccessDeniedException"},
		{awssim.Throttling, "Throttling", "Throttling", "ThrottlingException"},
		{awssim.InvalidClientTokenID, "InvalidClientTokenId", "InvalidClientTokenId", "UnrecognizedClientException"},
	} {
		code = want.asked
		_, err := c.iam.ListUsers(bg, nil)
		refused(t, err, want.iam)
		_, err = c.sts.GetCallerIdentity(bg, nil)
		refused(t, err, want.sts)
		_, err = c.sm.ListSecrets(bg, nil)
		refused(t, err, want.sm)
	}
}

func TestPropagationPerRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{Seed: 3, Propagation: 10 * time.Second})
		c := people(t, w, "alice")
		k := c.createKey("alice")
		delays := func() (out []time.Duration) {
			start := time.Now()
			for _, region := range []string{"us-east-1", "eu-west-1"} {
				as := connect(t, w, *k.AccessKeyId, *k.SecretAccessKey, region)
				for {
					_, err := as.sts.GetCallerIdentity(bg, nil)
					if err == nil {
						break
					}
					refused(t, err, "InvalidClientTokenId")
					time.Sleep(10 * time.Millisecond)
				}
				out = append(out, time.Since(start))
			}
			if out[1] == 0 || out[1] > 10*time.Second {
				t.Fatalf("propagated after %v", out)
			}
			return out
		}
		first := delays()
		time.Sleep(time.Minute)
		c.setStatus("alice", *k.AccessKeyId, off)
		c.setStatus("alice", *k.AccessKeyId, on)
		if second := delays(); second[0] == first[0] {
			t.Fatalf("the reactivated key took exactly as long: %v", second)
		}
	})
}

func TestStaleReadsAndTrueWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stale := awssim.Fresh
		w := awssim.New(awssim.Config{Staleness: 5 * time.Second, OnCall: func(*awssim.Call) awssim.Fate {
			return awssim.Fate{Stale: stale}
		}})
		c := people(t, w, "alice")
		keys := func() int {
			return len(must(c.iam.ListAccessKeys(bg, &iam.ListAccessKeysInput{UserName: aws.String("alice")}))(t).AccessKeyMetadata)
		}
		time.Sleep(time.Minute)
		ids := versions(c, 2)
		time.Sleep(time.Minute)
		c.createKey("alice")
		if err := c.move("s", "AWSCURRENT", ids[1], ids[0]); err != nil {
			t.Fatal(err)
		}
		current := func() string {
			return *must(c.sm.GetSecretValue(bg, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}))(t).VersionId
		}
		time.Sleep(time.Second)
		if keys() != 1 || current() != ids[1] {
			t.Fatal("a fresh answer is stale")
		}
		stale = 4 * time.Second
		if keys() != 0 || current() != ids[0] {
			t.Fatal("a stale answer is fresh")
		}
		// The condition of a write sees the truth.
		refused(t, c.move("s", "AWSCURRENT", ids[1], ids[0]), "InvalidParameterException")
		stale = time.Hour // bounded
		time.Sleep(5 * time.Second)
		if keys() != 1 || current() != ids[1] {
			t.Fatal("an answer is older than the bound")
		}
	})
}

func TestSeedDecidesStaleness(t *testing.T) {
	run := func(seed uint64) (out []int) {
		synctest.Test(t, func(t *testing.T) {
			w := awssim.New(awssim.Config{Seed: seed, Staleness: 10 * time.Second})
			c := people(t, w, "alice")
			time.Sleep(time.Minute)
			c.createKey("alice")
			time.Sleep(5 * time.Second)
			for range 20 {
				l := must(c.iam.ListAccessKeys(bg, &iam.ListAccessKeysInput{UserName: aws.String("alice")}))(t)
				out = append(out, len(l.AccessKeyMetadata))
			}
		})
		return out
	}
	one, again, other := run(1), run(1), run(2)
	sum, differs := 0, false
	for i := range one {
		sum += one[i]
		if one[i] != again[i] {
			t.Fatal("the same seed gave another answer")
		}
		differs = differs || one[i] != other[i]
	}
	if sum == 0 || sum == 20 || !differs {
		t.Fatalf("answers %v and %v", one, other)
	}
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{})
		c := people(t, w)
		ids := versions(c, 1)
		time.Sleep(time.Minute)
		// PutSecretValue and UpdateSecretVersionStage share one bucket: 50 at once.
		taken := 0
		var err error
		for taken = 0; err == nil && taken < 100; taken++ {
			if taken%2 == 0 {
				err = c.move("s", "X", ids[0], "")
			} else {
				_, err = c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{
					SecretId: aws.String("s"), ClientRequestToken: &ids[0], SecretString: aws.String("v1"),
				})
			}
		}
		refused(t, err, "ThrottlingException")
		if taken != 51 {
			t.Fatalf("call %d was the first to be throttled", taken)
		}
		// Other groups and Regions are not touched.
		must(c.sm.DescribeSecret(bg, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}))(t)
		time.Sleep(20 * time.Millisecond)
		if err := c.move("s", "X", ids[0], ""); err != nil {
			t.Fatalf("one token later: %v", err)
		}
		refused(t, c.move("s", "X", ids[0], ""), "ThrottlingException")
		if n := w.ThrottledCounts(); n["UpdateSecretVersionStage"]+n["PutSecretValue"] != 2 {
			t.Fatalf("throttled: %v", n)
		}
	})
}

func TestSpeedDividesDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Config{Speed: 60, VersionQuota: 1, Propagation: time.Minute})
		c := people(t, w, "alice")
		k := c.createKey("alice")
		time.Sleep(time.Second)
		c.verify(k, "us-east-1", 1)
		c.createSecret("s")
		c.putValue("s", token("1"), "1")
		time.Sleep(24 * time.Minute)
		_, err := c.sm.PutSecretValue(bg, &secretsmanager.PutSecretValueInput{
			SecretId: aws.String("s"), SecretString: aws.String("2"), ClientRequestToken: aws.String(token("2")),
		})
		// The only other version is labelled, so there is still no room.
		refused(t, err, "LimitExceededException")
	})
}
