// Package awssim is a simulated AWS: a test double, not AWS. It speaks IAM and STS (query/XML),
// Secrets Manager (JSON 1.1), a little of SES v2 (REST) and of CloudFormation (query/XML) on the wire, so
// that the AWS SDKs and the aws CLI work against it unchanged, checks every SigV4 signature, and can be told to be slow, stale,
// throttled or broken in every way that matters to someone who rotates access keys.
//
// A World is one account. It is an http.Handler that serves every service and Region from one endpoint,
// as both are part of each signature; Transport serves the same without a socket, in virtual time.
//
//	w := awssim.New(awssim.Config{Seed: 1})
//	id, secret := w.RotatorKey()
//	cfg := aws.Config{
//		Region: "us-east-1", BaseEndpoint: aws.String("http://aws.invalid"),
//		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
//		HTTPClient:  &http.Client{Transport: w.Transport()},
//	}
//
// # What it holds to
//
// The two-key limit of users; staging labels, request tokens and the version quota of secrets; the
// compare-and-swap of UpdateSecretVersionStage; pages; the coarse last-used record; names, tags and
// sizes; status codes, error codes and their wording as far as AWS documents them. New and reactivated
// keys take time to propagate, reads may be stale, writes act on the true state.
//
// It is simpler than AWS where that does not matter here: policies are kept but not evaluated (every
// known caller may do everything that People did not Deny), there is one account, replicas follow at
// once, and roles need not exist to be assumed.
//
// # Request rates
//
// Each group of operations has a token bucket per Region (IAM: one), which is full at first and holds
// one second's worth unless Rate.Burst says otherwise. Defaults, in calls a second and burst:
//
//	SecretWrite     50   50  PutSecretValue, UpdateSecret, UpdateSecretVersionStage, ReplicateSecretToRegions
//	SecretTag       50   50  TagResource, UntagResource
//	SecretGet       10,000   GetSecretValue
//	SecretDescribe  40,000   DescribeSecret
//	SecretList      100 100  ListSecrets, BatchGetSecretValue, ListSecretVersionIds, each alone
//	SecretOther     50   50  CreateSecret, DeleteSecret, RestoreSecret, resource policies
//	STS             600 600  every call of STS
//	IAMWrite        200 200  changing calls of IAM; AWS publishes no number
//	IAMRead         500 500  the other calls of IAM; AWS publishes no number
//	SES             10   10  every call of SES but SendEmail
//	Stacks          20   20  every call of CloudFormation; AWS publishes no number
//
// # Safety rules
//
// Once a test has declared, with Care, what a rotator owes a user, every call signed by RotatorKey's
// user is judged against the true state at the moment of its effect; see the Rule constants. A broken
// rule calls Config.Violation, or panics.
package awssim
