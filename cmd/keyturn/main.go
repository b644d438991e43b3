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
//	3  some users failed or are blocked, what was asked for was refused or not carried out in time, or a scan is not whole
//
// `plan` and `status` only report: a blocked user is no failure of theirs.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// main collects garbage less often than Go does by default, unless GOGC says otherwise: the heap is a few megabytes, and collecting it
// again and again costs more than the memory that it frees.
func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
