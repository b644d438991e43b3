// Package awsidentity lets machines prove who they are with AWS itself: they sign an sts:GetCallerIdentity and hand the signature over,
// and keyturn asks STS whose it is. No secret of theirs is sent, and keyturn keeps none.
//
// What comes in is never passed on. A proof is taken apart into the few values that a signature needs, each is checked against a pattern,
// and the request to STS is built anew from those and from constants: method, scheme, path, parameters, headers and body are ours. So
// there is nothing that could ask another host, another operation, or for another form of the answer.
//
// Two attacks on schemes like this one are the tests of this package. CVE-2020-16250 (Vault): a request that the attacker shapes freely
// makes STS quote the attacker's own text, which a lenient reader takes for the answer. CVE-2022-2385 (aws-iam-authenticator): a
// parameter that stands twice, or once more in another case, is checked in one reading and used in the other.
//
// A proof is good once, for 60 seconds, and for one server, whose id is among the signed headers: a server that was shown a proof cannot
// show it to another.
package awsidentity
