package awssim

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

const (
	base32Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	letters     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// random is a generator that depends on the seed and on what it is for, not on what was drawn before.
func (w *World) random(what, who string, n uint64) *rand.PCG {
	h := fnv.New64a()
	h.Write([]byte(what))
	h.Write([]byte{0})
	h.Write([]byte(who))
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	h.Write(b[:])
	return rand.NewPCG(w.cfg.Seed, h.Sum64())
}

func (w *World) draw(n int, alphabet, what, who string, nth uint64) string {
	r := rand.New(w.random(what, who, nth))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// fraction is in [0, 1).
func (w *World) fraction(what, who, where string, n uint64) float64 {
	return rand.New(w.random(what, who+"\x00"+where, n)).Float64()
}

// moment is the time whose state a read answers: Fate.Stale ago, else as the seed says.
func (w *World) moment(x *exec, who string, reads *uint64) time.Time {
	bound := w.cfg.scaled(w.cfg.Staleness)
	if bound <= 0 || x.stale == Fresh {
		return x.now
	}
	if x.stale > 0 {
		return x.now.Add(-min(x.stale, bound))
	}
	*reads++
	return x.now.Add(-time.Duration(w.fraction("stale", who, x.call.Operation, *reads) * float64(bound)))
}

// requestID looks like AWS's: a random UUID.
func (w *World) requestID() string {
	n := w.request.Add(1)
	const hexDigits = "0123456789abcdef"
	x := (n ^ w.cfg.Seed) * 0x9e3779b97f4a7c15
	y := (n + 0x632be59bd9b4e019) * 0xff51afd7ed558ccd
	var b [36]byte
	for i := range b {
		switch i {
		case 8, 13, 18, 23:
			b[i] = '-'
			continue
		case 14:
			b[i] = '4'
			continue
		}
		b[i] = hexDigits[x&15]
		x, y = x>>4|y<<60, y>>4|x<<60
	}
	return string(b[:])
}
