package awsidentity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/rotation"
)

// A user and a role prove who they are, by signatures that AWS checks.
func TestIdentityIsProvenByAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w, ci := simulated(t)
		c, err := v.Authenticate(bg, sign(t, ci))
		if err != nil {
			t.Fatal(err)
		}
		if !c.May(apikey.ReadCredentials, rotation.User{Account: account, Name: "ci"}) || c.May(apikey.ReadCredentials, rotation.User{Account: account, Name: "x"}) ||
			!strings.HasPrefix(c.ID, "aws:123456789012:AIDA") || c.Name != "arn:aws:iam::123456789012:user/ci" {
			t.Fatalf("%+v", c)
		}
		// Whatever its session is called, a role is who its unique id says.
		app, id := role(t, w, ci, "ci")
		refused(t, v, sign(t, app), "api.aws_identities does not name")
		mapped := Identity{Account: account, UniqueID: id, Scopes: []apikey.Scope{apikey.ReadMetrics}}
		if err := v.Allow([]Identity{mapped}); err != nil {
			t.Fatal(err)
		}
		for _, session := range []string{"ci", "admin", "AIDACIUSERCIUSERCI01"} {
			app, _ := role(t, w, ci, session)
			if c, err := v.Authenticate(bg, sign(t, app)); err != nil || c.ID != "aws:123456789012:"+id || !c.Has(apikey.ReadMetrics) {
				t.Fatal(c, err)
			}
		}
		refused(t, v, sign(t, ci), "api.aws_identities does not name")
		mapped.Account = "999999999999" // the same id in another account is somebody else
		if err := v.Allow([]Identity{mapped}); err != nil {
			t.Fatal(err)
		}
		app, _ = role(t, w, ci, "ci")
		refused(t, v, sign(t, app), "api.aws_identities does not name")
	})
}

func TestWrongSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w, ci := simulated(t)
		other := *ci
		other.ServerID = "keyturn.example.org"
		refused(t, v, sign(t, &other), `signed for another server than "keyturn.example.com"`)
		stranger, _ := New(Config{Region: home, ServerID: other.ServerID, Identities: []Identity{ciUser}, Endpoint: at(simSTS), Transport: w.Transport()})
		time.Sleep(settled)
		refused(t, stranger, sign(t, ci), "signed for another server")
		text := sign(t, ci)
		for _, k := range w.Keys("ci") {
			if err := w.People().SetKeyStatus("ci", k.ID, "Inactive"); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, v, text, "the AWS credentials are not good")
	})
}

// A proof opens one door, once, for a minute.
func TestProofIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _, ci := simulated(t)
		text := sign(t, ci)
		var in, out atomic.Int32
		var wait sync.WaitGroup
		for range 20 {
			wait.Go(func() {
				switch _, err := v.Authenticate(bg, text); {
				case err == nil:
					in.Add(1)
				case errors.Is(err, apikey.ErrUnknown) && strings.Contains(err.Error(), "used already"):
					out.Add(1)
				}
			})
		}
		wait.Wait()
		if in.Load() != 1 || out.Load() != 19 {
			t.Fatalf("%d got in, %d were told that it was used", in.Load(), out.Load())
		}
		for range 59 {
			time.Sleep(time.Second)
			refused(t, v, text, "used already")
		}
		time.Sleep(time.Second)
		refused(t, v, text, "used already")
		time.Sleep(time.Second)
		refused(t, v, text, "was signed 1m1s ago")

		// Whatever it claims of its own life.
		for _, expires := range []string{"1", "60", "3600", "99999"} {
			u, _ := url.Parse(decoded(t, sign(t, ci)))
			q := u.Query()
			q.Set("X-Amz-Expires", expires)
			u.RawQuery = q.Encode()
			long := encoded(u.String())
			time.Sleep(61 * time.Second)
			refused(t, v, long, "was signed 1m1s ago")
		}
		future, _ := ci.Sign(bg, time.Now().Add(17*time.Second))
		refused(t, v, future.Reveal(), "signed 17s in the future")
		soon, _ := ci.Sign(bg, time.Now().Add(10*time.Second))
		if _, err := v.Authenticate(bg, soon.Reveal()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(65 * time.Second) // 55 s after it was signed
		refused(t, v, soon.Reveal(), "used already")
	})
}

// A server that begins cannot know what was used before it.
func TestProofFromBeforeTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w, ci := simulated(t)
		text := sign(t, ci)
		if _, err := v.Authenticate(bg, text); err != nil {
			t.Fatal(err)
		}
		later := func(v *Verifier) {
			t.Helper()
			for range 58 {
				if _, err := v.Authenticate(bg, text); !errors.Is(err, apikey.ErrUnproven) {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			if _, err := v.Authenticate(bg, sign(t, ci)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		next, err := New(Config{Region: home, ServerID: server, Identities: v.c.Identities, Endpoint: at(simSTS), Transport: w.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		later(next)
		// The same server, which stood by for a while.
		text = sign(t, ci)
		time.Sleep(time.Second)
		next.Begin()
		later(next)
	})
}

// What is asked of STS is ours, to the last header, whatever the proof was written like.
func TestQuestionIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, w := scripted(t, reply(200, "text/xml", good))
		if _, err := v.Authenticate(bg, written(usual, query(time.Now(), "a"))); err != nil {
			t.Fatal(err)
		}
		r := w.asked[0]
		if r.Method != http.MethodGet || r.Host != "sts.us-east-1.amazonaws.com" || r.URL.Scheme != "https" || r.URL.Host != r.Host || r.URL.Path != "/" ||
			r.URL.User != nil || r.URL.Fragment != "" || r.Body != nil || r.ContentLength != 0 {
			t.Fatalf("%s %s", r.Method, r.URL)
		}
		if len(r.Header) != 4 || r.Header.Get("X-Keyturn-Server-Id") != server || r.Header.Get("X-Keyturn-Nonce") != nonce || r.Header.Get("Accept") != "application/xml" {
			t.Fatalf("%v", r.Header)
		}
		if q := r.URL.Query(); len(q) != 8 || q.Get("Action") != "GetCallerIdentity" {
			t.Fatal(q)
		}
	})
}

// STS that fails, hangs, sends away or says too much lets nobody in, and does not use the proof up.
func TestTroubleWithSTS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		elsewhere := func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "attacker.example" {
				return reply(200, "text/xml", good)(r)
			}
			res, _ := reply(302, "text/xml", "")(r)
			res.Header.Set("Location", "https://attacker.example/?"+r.URL.RawQuery)
			return res, nil
		}
		tooLong := func(r *http.Request) (*http.Response, error) {
			res, _ := reply(200, "text/xml", "")(r)
			res.Body = endless()
			return res, nil
		}
		for name, answer := range map[string]func(*http.Request) (*http.Response, error){
			"hangs": hang, "redirects": elsewhere, "never ends": tooLong, "fails": reply(500, "text/xml", good), "is busy": reply(503, "text/xml", good),
			"throttles": reply(400, "text/xml", "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"), "limits": reply(429, "text/xml", ""),
			"created": reply(201, "text/xml", good), "unreachable": func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") },
		} {
			v, w := scripted(t, answer)
			text := written(usual, query(time.Now(), "a"))
			asked := time.Now()
			c, err := v.Authenticate(bg, text)
			if c != nil || !errors.Is(err, apikey.ErrUnproven) || errors.Is(err, apikey.ErrUnknown) {
				t.Errorf("%s: %v, %v", name, c, err)
			}
			if strings.Contains(err.Error(), strings.Repeat("a", 64)) {
				t.Errorf("%s: the error holds the proof: %v", name, err)
			}
			if waited := time.Since(asked); waited > timeout {
				t.Errorf("%s: took %s", name, waited)
			}
			if len(w.asked) != 1 {
				t.Errorf("%s: %d questions", name, len(w.asked))
			}
			w.answer = reply(200, "text/xml", good)
			if _, err := v.Authenticate(bg, text); err != nil {
				t.Errorf("%s, then well: %v", name, err)
			}
		}
		v, _ := scripted(t, reply(200, "application/json", good))
		refused(t, v, written(usual, query(time.Now(), "a")), "not XML")
	})
}

// Many at once wait for their turn, and nobody for ever.
func TestQuestionsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int32
		v, err := New(Config{Region: home, ServerID: server, Identities: []Identity{ciUser}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		var wait sync.WaitGroup
		began := time.Now()
		for i := range 200 {
			q := query(time.Now(), "a")
			q[7][1] = fmt.Sprintf("%064x", i)
			wait.Go(func() {
				if _, err := v.Authenticate(bg, written(usual, q)); !errors.Is(err, apikey.ErrUnproven) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if most.Load() != atOnce || time.Since(began) > timeout {
			t.Fatalf("%d at once, %s", most.Load(), time.Since(began))
		}
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The memory of used proofs is bounded, forgets none that is good, and has room again a minute later.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o once
		now := time.Now()
		for i := range mostUsed {
			if used, full := o.take(fmt.Sprint(i), now.Add(lives), now); used || full {
				t.Fatal(i)
			}
		}
		if _, full := o.take("one more", now.Add(lives), now); !full {
			t.Fatal("it grows without end")
		}
		if used, _ := o.take("0", now.Add(lives), now.Add(lives)); !used {
			t.Fatal("it forgot one that is still good")
		}
		if used, full := o.take("one more", now.Add(3*lives), now.Add(lives+time.Second)); used || full || len(o.until) != 1 {
			t.Fatalf("%t, %t, %d kept", used, full, len(o.until))
		}
	})
}

func TestConfigurations(t *testing.T) {
	for want, c := range map[string]Config{
		"server's id":     {},
		"holds a space":   {ServerID: "a b"},
		"is no account":   {ServerID: "a", Identities: []Identity{{Account: "1", UniqueID: ciUser.UniqueID}}},
		"is no unique id": {ServerID: "a", Identities: []Identity{{Account: account, UniqueID: "AROAEXAMPLEEXAMPLE:session"}}},
		"unique id of a":  {ServerID: "a", Identities: []Identity{{Account: account, UniqueID: "123456789012"}}},
		"is named twice":  {ServerID: "a", Identities: []Identity{ciUser, ciUser}},
	} {
		c.Region = home
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		v, err := New(Config{Region: home, ServerID: "a"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		refused(t, v, written(usual, query(time.Now(), "a")), "lets no AWS identity in")
		for _, bad := range []string{"sts.example.com", "https://user:pw@sts.example.com", "https://sts.example.com/path", "://"} {
			v.c.Endpoint = at(bad)
			if _, err := v.Authenticate(bg, written(usual, query(time.Now(), "a"))); !errors.Is(err, apikey.ErrUnproven) {
				t.Errorf("%s: %v", bad, err)
			}
		}
	})
	v := &Verifier{}
	ring := func(context.Context, string, netip.Addr) (*apikey.Caller, error) { return nil, apikey.ErrMalformed }
	if _, err := v.Or(ring)(bg, "keyturn_x", netip.Addr{}); !errors.Is(err, apikey.ErrMalformed) {
		t.Error(err)
	}
	if _, err := v.Or(ring)(bg, Prefix, netip.Addr{}); err == nil || errors.Is(err, apikey.ErrMalformed) {
		t.Error(err)
	}
	var none *Verifier
	if _, err := none.Or(ring)(bg, Prefix, netip.Addr{}); !errors.Is(err, apikey.ErrMalformed) {
		t.Error(err)
	}
}

// The list of hosts is the SDK's, Region by Region, and the signer writes to them.
func TestHostsAreTheSDKs(t *testing.T) {
	for _, p := range partitions {
		for region := range strings.FieldsSeq(p.regions) {
			for _, dual := range []bool{false, true} {
				e, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(bg, sts.EndpointParameters{Region: &region, UseDualStack: aws.Bool(dual && len(p.suffixes) > 1),
					UseFIPS: aws.Bool(false), UseGlobalEndpoint: aws.Bool(false)})
				if err != nil || hosts[e.URI.Host] != region || e.URI.Scheme != "https" {
					t.Errorf("%s: the SDK asks %s: %v", region, e.URI.String(), err)
				}
			}
			if base, err := endpoint(region); err != nil || hosts[strings.TrimPrefix(base, "https://")] != region {
				t.Errorf("%s: %s, %v", region, base, err)
			}
		}
	}
	if _, err := endpoint("us-moon-1"); err == nil {
		t.Error("a Region that is not there")
	}
}

func TestSignerSaysWhatIsMissing(t *testing.T) {
	_, _, ci := simulated(t)
	for want, s := range map[string]Signer{
		"no AWS credentials": {Region: "us-east-1", ServerID: server}, "set AWS_REGION": {Credentials: ci.Credentials, ServerID: server},
	} {
		if _, err := s.Sign(bg, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v", err)
		}
	}
	s := *ci
	s.Endpoint = ""
	text, err := s.Sign(bg, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parse(text.Reveal(), nil); err != nil || p.host != "sts.us-east-1.amazonaws.com" || fmt.Sprint(text) != "[secret]" {
		t.Fatal(err)
	}
}
