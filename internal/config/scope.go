package config

import (
	"maps"
	"slices"
)

// Pattern is an entry of include or exclude in the words of IAM policies.
type Pattern struct {
	Path     string // pattern of whole paths; empty: any
	Name     string // empty: any
	TagKey   string // empty: whatever the tags
	TagValue string // pattern; used with TagKey only
}

// Patterns are the users in care, and those who never are, in the words of IAM policies. Users that opt out by tag are among
// the latter.
func (c *Config) Patterns() (include, exclude []Pattern) {
	for _, m := range c.Users.Include {
		include = append(include, m.pattern())
	}
	for _, m := range c.Users.Exclude {
		exclude = append(exclude, m.pattern())
	}
	return include, append(exclude, Pattern{TagKey: c.TagPrefix + "managed", TagValue: "false"})
}

func (m Match) pattern() (p Pattern) {
	if m.Path != "" {
		p.Path = m.PathPattern()
	}
	if p.Name = m.Name; m.Tag != "" {
		p.TagKey, p.TagValue = m.TagParts()
	}
	return p
}

// SteeringTags are the IAM tag keys that decide which users are in care and how, `*` being a wildcard: whoever may write
// them can put a user into care, or take one out.
func (c *Config) SteeringTags() []string {
	keys := map[string]bool{c.TagPrefix + "*": true}
	for _, m := range append(slices.Clone(c.Users.Include), c.Users.Exclude...) {
		if k, _ := m.TagParts(); m.Tag != "" && !glob(c.TagPrefix+"*", k) {
			keys[k] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}
