// Package conformance holds cases that say how IAM, STS, Secrets Manager and SES behave on the wire, and runs them
// against the simulator (package awssim) and against moto, an independent emulator written in Python.
//
// A case states what AWS does, by AWS's own words: the service models and doc comments of the Go SDK, and the service
// guides. It neither knows nor cares which emulator answers. Where moto is known to differ, the one assertion
// concerned is replaced by one that pins what moto does instead, so that the rest of the case still runs there, and so
// that a moto that changes is noticed; every such difference has a row in one table (differences_test.go) that names
// the AWS source that decides. So the simulator is held to AWS's words and not to its authors' memory, and the cases
// are held to a second implementation.
//
// moto_server is taken from KEYTURN_MOTO_SERVER, or else from ${XDG_CACHE_HOME:-$HOME/.cache}/keyturn/venv/bin. Without
// it the cases run against the simulator only and the test says so; with CI=true its absence is a failure. The same
// holds for boto3 (from moto's venv) and the aws command line (from that venv or PATH).
package conformance
