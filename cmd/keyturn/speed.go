package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
)

// speedFlag gives a command the flag --speed.
func speedFlag(cmd *cobra.Command, speed *float64) {
	cmd.Flags().Float64Var(speed, "speed", 1, "divide every duration of the configuration: for a simulated AWS of the same --speed only")
}

// faster is the configuration at a speed. Real AWS has none: its staleness and propagation take their time.
func faster(ctx context.Context, cfg *config.Config, speed float64) (*config.Config, error) {
	if speed == 1 {
		return cfg, nil
	}
	if !(speed >= 1 && speed <= 60) {
		return nil, usagef("--speed must be between 1 and 60, and is %g", speed)
	}
	account, err := dial(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if !account.CustomEndpoint() {
		return nil, usagef("--speed is for a simulated AWS, and no other endpoint than AWS's own is set: leave it out")
	}
	return cfg.Speed(speed)
}
