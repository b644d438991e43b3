package awssim

import (
	"regexp"
	"unicode/utf8"
)

// pattern is a set of characters and a length, as AWS's models give them. The length is not left to the expression: one that counts to
// hundreds takes megabytes, in every program that this package is linked into.
type pattern struct {
	least, most int // characters
	text        *regexp.Regexp
}

func (p pattern) MatchString(s string) bool {
	n := utf8.RuneCountInString(s)
	return n >= p.least && n <= p.most && p.text.MatchString(s)
}
