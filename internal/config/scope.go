package config

import (
	"maps"
	"slices"
	"strings"
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

// SteeringTags are the IAM tag keys that decide which users are in care and how: whoever may write them can put a user into care, or
// take one out.
func (c *Config) SteeringTags() []string {
	keys := map[string]bool{c.TagPrefix + "email": true, c.TagPrefix + "managed": true, c.TagPrefix + "schedule": true}
	steering := slices.Concat(c.Users.Include, c.Users.Exclude, c.Canary.Users)
	for _, w := range c.Windows {
		steering = append(steering, w.Users...)
	}
	for _, f := range c.Freezes {
		steering = append(steering, f.Users...)
	}
	for _, m := range steering {
		if k, _ := m.TagParts(); m.Tag != "" {
			keys[k] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// UserTag gives a tag of an IAM user, and whether it has one. IAM does not tell the keys of users' tags apart by their case, and keeps
// the case of the first one: keyturn:managed=false written over Keyturn:Managed=true is still called Keyturn:Managed.
func UserTag(tags map[string]string, key string) (string, bool) {
	if v, ok := tags[key]; ok {
		return v, true
	}
	for k, v := range tags {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}
