// Package api is what the REST API says, as JSON: its types, and how package fleet's become these and back. The server and whoever asks it
// share them, so a [fleet.Desk] looks the same from both ends. The texts in the field tags are the descriptions in the OpenAPI document.
//
// Times are RFC 3339 in UTC and AWS's own unless it is said otherwise; null is a time that is not known, or never. Spans are seconds.
// Nothing here holds a secret, but for the text of an API key that was just made ([NewKey]).
package api

import (
	"math"
	"time"
)

// stamp is a time on the wire; nil for the zero time.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// unstamp is the reverse of stamp.
func unstamp(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// seconds is a span on the wire.
func seconds(d time.Duration) float64 { return d.Seconds() }

// span is the reverse of seconds.
func span(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// each maps a slice, and gives one that is not nil, so that the wire has [] and never null.
func each[A, B any](in []A, do func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, do(a))
	}
	return out
}
