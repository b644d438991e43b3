package awssim

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// exec is one call on its way: parsed, given a fate, authenticated, taking effect, answered.
type exec struct {
	w        *World
	req      *request
	ctx      context.Context
	complain func(string)

	call  *Call
	sig   *signature
	fate  Fate
	op    *operation
	q     url.Values   // parameters of a query call
	in    *secretInput // parameters of a Secrets Manager call
	now   time.Time    // of the effect
	stale time.Duration
	key   *key // the caller's, once authenticated
	by    actor

	xml xmlw
	// pageMarker is where the next page of an IAM list begins, "" at the end.
	pageMarker string
	json       jsonw
}

// operation is an entry of a service's table. It runs with the world locked.
type operation struct {
	name string
	run  func(*exec) *apiError
	open bool // needs no permission and cannot be denied
}

// run takes the call from parsing to its effect. A non-nil error means that the connection breaks.
func (x *exec) run() (*apiError, error) {
	w := x.w
	x.call = &Call{At: w.now(), Service: "sts"}
	if fault := x.parse(); fault != nil {
		return fault, nil
	}
	if fault := x.sig.timely(x.call.At); fault != nil {
		return fault, nil
	}
	secret := x.count()
	if w.cfg.OnCall != nil {
		x.fate = w.cfg.OnCall(x.call)
		x.stale = x.fate.Stale
	}
	if x.fate.Delay > 0 && !x.wait(x.fate.Delay) {
		if x.fate.LandLate {
			// The caller does not wait, the effect comes all the same.
			rest := x.fate.Delay - w.now().Sub(x.call.At)
			go func() {
				time.Sleep(max(0, rest))
				_ = x.effect(secret) // nobody waits for what it says
				w.tell(x.complain)
			}()
		}
		return nil, x.ctx.Err()
	}
	if x.fate.Before != nil {
		x.fate.Before()
	}
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	if x.fate.DropBefore {
		return nil, errBroken
	}
	fault := x.effect(secret)
	if x.fate.After != nil {
		x.fate.After()
	}
	w.tell(x.complain)
	if x.fate.DelayReply > 0 {
		x.wait(x.fate.DelayReply)
	}
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	if x.fate.DropReply {
		return nil, errBroken
	}
	if fault == nil && x.fate.FailAfter != "" {
		fault = asked(x.fate.FailAfter)
	}
	return fault, nil
}

// wait sleeps and tells whether the caller is still there.
func (x *exec) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.ctx.Done():
		return false
	}
}

// parse reads who calls what, without believing it yet.
func (x *exec) parse() *apiError {
	sig, fault := readSignature(x.req)
	if target := x.req.header.Get("X-Amz-Target"); target != "" {
		x.call.Service = "secretsmanager"
		x.call.Operation = target[strings.LastIndexByte(target, '.')+1:]
	} else if strings.HasPrefix(x.req.path, "/v2/email/") {
		x.call.Service = "ses"
	}
	if fault != nil {
		return fault
	}
	x.sig = sig
	x.call.Region, x.call.AccessKeyID = sig.region, sig.keyID
	if x.call.Service == "sts" && (sig.service == "iam" || sig.service == "cloudformation") {
		x.call.Service = sig.service
	}
	if sig.service != x.call.Service {
		return fail(403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'.", x.call.Service)
	}
	switch x.call.Service {
	case "secretsmanager":
		fault = x.parseSecret()
	case "ses":
		x.parseMail()
	default:
		fault = x.parseQuery()
	}
	if fault != nil {
		return fault
	}
	if x.op == nil {
		return fail(400, "InvalidAction", "Could not find operation %s for service %s", x.call.Operation, x.call.Service)
	}
	return nil
}

func (x *exec) parseQuery() *apiError {
	x.q = x.req.query()
	if len(x.req.body) > 0 {
		q, err := url.ParseQuery(string(x.req.body))
		if err != nil {
			return fail(400, "MalformedInput", "The request body is not form data: %v.", err)
		}
		x.q = q
	}
	x.call.query = x.q
	x.call.Operation = x.q.Get("Action")
	x.call.User, x.call.KeyID = x.q.Get("UserName"), x.q.Get("AccessKeyId")
	switch x.call.Service {
	case "iam":
		x.op = iamOperations[x.call.Operation]
	case "cloudformation":
		x.op = stackOperations[x.call.Operation]
	default:
		x.op = stsOperations[x.call.Operation]
	}
	return nil
}

func (x *exec) parseSecret() *apiError {
	x.op = secretOperations[x.call.Operation]
	x.in = &secretInput{}
	x.call.input = x.in
	if len(x.req.body) > 0 {
		if err := json.Unmarshal(x.req.body, x.in); err != nil {
			return fail(400, "SerializationException", "The request body is not what %s takes: %v.", x.call.Operation, err)
		}
	}
	x.call.SecretID = x.in.SecretID
	if x.call.SecretID == "" {
		x.call.SecretID = x.in.Name
	}
	return nil
}

// count numbers the call and looks up whose key it is signed with; it returns that key's secret.
func (x *exec) count() (secret string) {
	w, c := x.w, x.call
	c.Seq = w.seq.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.counts[c.Operation]
	if n == nil {
		n = &opCount{}
		w.counts[c.Operation] = n
	}
	n.n++
	c.N = n.n
	if k := w.keys[c.AccessKeyID]; k != nil {
		secret = k.secret
		if k.user != nil {
			c.Caller = k.user.name
		}
		c.Rotator = w.isRotator(k)
	}
	if c.Rotator {
		w.byRotator[c.Operation]++
	}
	if c.User == "" && c.SecretID != "" {
		if care := w.careOf[w.secretKey(c.Region, c.SecretID)]; care != nil {
			c.User = care.user
		}
	}
	if c.User == "" {
		c.User = c.Caller
	}
	return secret
}

func (w *World) isRotator(k *key) bool {
	if k.session != nil {
		return k.session.rotator
	}
	return k.user.name == w.rotator
}

// effect authenticates the call as of now and lets it act, in one step under the lock.
func (x *exec) effect(secret string) *apiError {
	w := x.w
	// The signature is checked outside the lock: a key's secret never changes.
	matches := secret != "" && x.sig.matches(x.req, secret, &w.signing)
	w.mu.Lock()
	defer w.mu.Unlock()
	x.now = w.now()
	if x.fate.Throttle {
		w.throttled[x.call.Operation]++
		return asked(Throttling)
	}
	if x.fate.FailBefore != "" {
		if x.fate.FailBefore == InvalidClientTokenID {
			x.disprove()
		}
		return asked(x.fate.FailBefore)
	}
	if fault := x.authenticate(matches); fault != nil {
		return fault
	}
	if !w.take(x.call.Service, x.call.Operation, x.call.Region, x.now) {
		w.throttled[x.call.Operation]++
		return asked(Throttling)
	}
	if fault := x.authorize(); fault != nil {
		return fault
	}
	w.use(x.key, x.sig.service, x.call.Region, x.now)
	return x.op.run(x)
}

// authenticate refuses callers that AWS does not know: "not yet", "inactive" and "deleted" look alike.
func (x *exec) authenticate(matches bool) *apiError {
	w := x.w
	if w.disabled[x.call.Region] && x.call.Service != "iam" {
		if x.call.Service == "sts" {
			return fail(403, "RegionDisabledException", "STS is not activated in this region for account:%s. "+
				"Your account administrator can activate STS in this region using the IAM Console.", w.cfg.Account)
		}
		return asked(InvalidClientTokenID)
	}
	k := w.keys[x.call.AccessKeyID]
	if k == nil || k.status != active || !w.propagated(k, x.call.Region, x.now) {
		x.disprove()
		return asked(InvalidClientTokenID)
	}
	if k.session != nil {
		if x.sig.token != k.session.token {
			return asked(InvalidClientTokenID)
		}
		if !x.now.Before(k.session.expires) {
			return fail(403, "ExpiredToken", "The security token included in the request is expired")
		}
	} else if x.sig.token != "" {
		return asked(InvalidClientTokenID)
	}
	if !matches {
		x.disprove()
		return fail(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature "+
			"you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	x.key = k
	x.by = actor{rotator: w.isRotator(k), wire: true}
	return nil
}

// disprove ends a row of successful verifications.
func (x *exec) disprove() {
	if k := x.w.keys[x.call.AccessKeyID]; k != nil && x.call.Operation == "GetCallerIdentity" {
		delete(k.proven, x.call.Region)
	}
}

// authorize refuses what people denied. Everything else is allowed: policies are not evaluated.
func (x *exec) authorize() *apiError {
	if x.op.open || x.key.user == nil {
		return nil
	}
	action := x.call.Service + ":" + x.call.Operation
	if len(x.key.user.denied) == 0 || !x.key.user.denied[strings.ToLower(action)] {
		return nil
	}
	w := x.w
	resource := "*"
	switch {
	case x.call.Service == "iam" && x.call.User != "":
		resource = "user " + x.call.User
	case x.call.SecretID != "":
		resource = x.call.SecretID
	}
	arn := w.userARN(x.key.user.state())
	if x.key.session != nil {
		arn = x.key.session.arn
	}
	return fail(403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s because no identity-based "+
		"policy allows the %s action", arn, action, resource, action)
}
