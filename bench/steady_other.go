//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

func (p *pace) send(context.Context, time.Time) ([]time.Duration, error) {
	return nil, errors.New("requests at a constant rate are sent on Linux only: run the benchmark there")
}
