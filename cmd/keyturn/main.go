// Command keyturn rotates the access keys of AWS IAM users: it makes a new key, stores it in AWS Secrets Manager, proves that it
// works, hands it over, and retires the old one after a grace.
//
// Results go to stdout, everything else (progress, warnings, errors) to stderr. On a terminal results are tables; in a pipe they
// are plain aligned lines; with --json they are JSON. Colours are left out in a pipe and when NO_COLOR is set.
//
// Exit codes, for every command (the table that errors are looked up in is exit.go):
//
//	0  done; users that wait or are held included
//	1  unexpected: AWS, the network or the disk failed, or keyturn was stopped
//	2  usage or configuration: a flag, keyturn.yaml, the credentials or their permissions, the database file
//	3  some users failed or are blocked, or a rotation that was asked for was not made
//
// `plan` and `status` only report: a blocked user is no failure of theirs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
