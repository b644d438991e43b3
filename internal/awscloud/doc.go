// Package awscloud is the adapter to AWS: IAM, STS and Secrets Manager as the rest of keyturn wants to see them, and the reads of a scan.
//
// An [Account] holds the clients, the pace and AWS's clock; it is made once by [Load]. A [Session] is one user's AWS for the
// length of one run, and cheap to make. What the package promises to both:
//
//   - CreateAccessKey is sent once, whatever happens: neither the SDK nor net/http repeats it.
//   - Every other call is idempotent and retried in the SDK's standard mode, behind a pace of our own per Region and AWS
//     quota, retries included. No budget of retries is shared: one user's storm costs nobody else's.
//   - Time is AWS's: the Date of its answers, failed ones too. Requests are signed with it, so that a wrong local clock harms
//     nothing after the first answer.
//   - Errors are mapped once (errors.go), each to a [rotation.CallError] that says whether the call may have had an effect.
//     No secret, no signature and no signed text is ever in them.
//   - A secret's fields of other people are kept as they are, byte for byte.
package awscloud
