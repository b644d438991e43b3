package config

import "testing"

func BenchmarkParseCron(b *testing.B) {
	for b.Loop() {
		if _, err := parseCron("*/10 * * * *", "Europe/Berlin"); err != nil {
			b.Fatal(err)
		}
	}
}
