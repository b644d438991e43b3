//go:build unix

package main

import "syscall"

// detached has a process outlive this one and its terminal.
var detached = &syscall.SysProcAttr{Setsid: true}
