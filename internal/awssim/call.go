package awssim

import (
	"net/url"
	"time"
)

// Call describes one request as OnCall sees it: parsed, not yet authenticated, without effect.
type Call struct {
	Service   string // "iam", "sts", "secretsmanager", "ses" or "cloudformation"
	Operation string // e.g. "CreateAccessKey"
	Region    string // of the credential scope
	// AccessKeyID signed the call, and Caller is the IAM user it belongs to ("" when unknown).
	AccessKeyID, Caller string
	// Rotator tells the calls that are signed by the RotatorKey's user.
	Rotator bool
	// User is the IAM user that the call is about: the UserName it names, else the user in whose
	// Care the named secret is, else Caller.
	User string
	// SecretID is the name or ARN of the secret that the call names, KeyID the access key.
	SecretID, KeyID string
	// Seq numbers all calls of the World from 1, N those of this Operation.
	Seq, N int64
	// At is the true time of arrival.
	At time.Time

	query url.Values
	input *secretInput
}

// Param is a parameter of an IAM, STS or CloudFormation call by its name on the wire, or "".
func (c *Call) Param(name string) string { return c.query.Get(name) }

// VersionStages are the staging labels that a Secrets Manager call names.
func (c *Call) VersionStages() []string {
	if c.input == nil {
		return nil
	}
	if c.input.VersionStage != "" {
		return []string{c.input.VersionStage}
	}
	return c.input.VersionStages
}

// Fate is what becomes of a call. The zero value is an ordinary answer.
type Fate struct {
	// Delay passes before anything happens. A caller that gives up meanwhile gets its context's
	// error and the call has no effect, unless LandLate is set.
	Delay time.Duration
	// LandLate makes a call that was given up during Delay take effect when Delay is over.
	LandLate bool
	// Throttle refuses the call, without effect, as AWS does beyond a request rate.
	Throttle bool
	// FailBefore is an error code answered without effect. The names AccessDenied, Throttling,
	// InvalidClientTokenId and ServiceFailure are put in the words of the service.
	FailBefore string
	// FailAfter is an error code answered after the call took effect.
	FailAfter string
	// DropBefore breaks the connection without effect, DropReply after the effect.
	DropBefore, DropReply bool
	// DelayReply passes between effect and answer.
	DelayReply time.Duration
	// Stale answers this read from the state of so long ago, at most Config.Staleness. Zero leaves
	// it to the seed; Fresh is the true state.
	Stale time.Duration
	// Before and After are the test's own code around the effect, called with no lock held; when
	// Before ends the caller's context there is no effect, when After does there is no answer.
	Before, After func()
}

// Fresh as Fate.Stale answers the true state.
const Fresh time.Duration = -1

// Error codes for Fate.FailBefore and Fate.FailAfter that are understood for every service.
const (
	ServiceFailure       = "ServiceFailure"       // 500: the service's own failure
	AccessDenied         = "AccessDenied"         // 403 (400 for Secrets Manager)
	Throttling           = "Throttling"           // 400
	InvalidClientTokenID = "InvalidClientTokenId" // 403: the key is not known, not yet or not any more
	ServiceUnavailable   = "ServiceUnavailable"   // 503
)
