package awssim

import (
	"strings"
	"time"
)

// bucketID names a token bucket: a group of operations in a Region.
type bucketID struct{ group, region string }

type bucket struct {
	tokens float64
	at     time.Time
}

// rateOf is the group of an operation and its rate.
func (r *Rates) rateOf(service, operation string) (group string, rate Rate) {
	switch service {
	case "iam":
		for _, verb := range []string{"Create", "Update", "Delete", "Tag", "Untag", "Put", "Attach", "Detach"} {
			if strings.HasPrefix(operation, verb) {
				return "iam:write", r.IAMWrite
			}
		}
		return "iam:read", r.IAMRead
	case "sts":
		return "sts", r.STS
	case "ses":
		return "ses", r.SES
	case "cloudformation":
		return "stacks", r.Stacks
	}
	switch operation {
	case "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "ReplicateSecretToRegions":
		return "secret:write", r.SecretWrite
	case "TagResource", "UntagResource":
		return "secret:tag", r.SecretTag
	case "GetSecretValue":
		return "secret:get", r.SecretGet
	case "DescribeSecret":
		return "secret:describe", r.SecretDescribe
	case "ListSecrets", "BatchGetSecretValue", "ListSecretVersionIds":
		return "secret:" + operation, r.SecretList
	}
	return "secret:other", r.SecretOther
}

// take takes a token of the operation's bucket, or says that the call is over the rate.
func (w *World) take(service, operation, region string, now time.Time) bool {
	if w.cfg.Rates.Unlimited || (service == "ses" && operation == "SendEmail") {
		return true
	}
	group, rate := w.cfg.Rates.rateOf(service, operation)
	id := bucketID{group, region}
	b := w.buckets[id]
	if b == nil {
		b = &bucket{tokens: rate.Burst, at: now}
		w.buckets[id] = b
	}
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(rate.Burst, b.tokens+d.Seconds()*rate.PerSecond)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
