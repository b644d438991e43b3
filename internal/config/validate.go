package config

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Validate checks everything that the file alone can tell. [Load] has called it; code that makes a Config calls it itself.
func (c *Config) Validate() error {
	for _, check := range []func() error{
		c.checkPlace, c.checkUsers, c.checkAdministrators, c.checkMinimums, c.checkRun, c.checkWritten, c.checkSchedules, c.checkCalendar, c.checkSecret, c.checkAPI,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkPlace() error {
	_, hasRegions := c.lines["regions"]
	switch {
	case c.Region != "" && len(c.Regions) > 0:
		return c.fail("region", "region and regions are both given: keep regions alone, with the Region of the secrets first")
	case hasRegions && len(c.Regions) == 0:
		return c.fail("regions", "regions is empty: name at least one Region, such as [us-east-1], or remove the line to have the SDK's")
	}
	for i, r := range c.ConsumerRegions() {
		path := fmt.Sprintf("regions[%d]", i)
		if c.Region != "" {
			path = "region"
		}
		if !regionLike(r) {
			return c.fail(path, "%s %q is not the code of an AWS Region: write it as us-east-1", path, r)
		}
		if slices.Contains(c.Regions[:min(i, len(c.Regions))], r) {
			return c.fail(path, "%s names %s a second time: remove it", path, r)
		}
	}
	if u, err := url.Parse(c.EndpointURL); c.EndpointURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return c.fail("endpoint_url", "endpoint_url %q is not a URL: write it as http://127.0.0.1:4566", c.EndpointURL)
	}
	switch {
	case c.Database == "":
		return c.fail("database", "database is empty: name a file, such as keyturn.db")
	case c.TagPrefix == "" || len(c.TagPrefix) > 64 || strings.HasPrefix(strings.ToLower(c.TagPrefix), "aws:"):
		return c.fail("tag_prefix", "tag_prefix %q cannot be used: it must have 1 to 64 characters and not begin with aws:, such as \"keyturn:\"", c.TagPrefix)
	}
	return c.checkListen()
}

func (c *Config) checkListen() error {
	if err := c.CheckListen(c.Listen); err != nil {
		return c.fail("listen", "listen %v", err)
	}
	return nil
}

func regionLike(r string) bool {
	parts := strings.Split(r, "-")
	last := parts[len(parts)-1]
	_, err := strconv.Atoi(last)
	return len(parts) >= 3 && err == nil && strings.Trim(r, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// checkMinimums holds every key of keys.go that has a minimum against it.
func (c *Config) checkMinimums() error {
	for _, k := range keys {
		if k.Min == "" {
			continue
		}
		have := c.at(k.Path)
		least, written := number(have, k.Min), k.Min
		if other := c.at(k.Min); other.IsValid() {
			least, written = asFloat(other), fmt.Sprintf("%s (%v)", k.Min, other.Interface())
		}
		if asFloat(have) < least {
			why := ""
			if k.Why != "" {
				why = ": " + k.Why
			}
			return c.fail(k.Path+","+k.Min, "%s is %v, and the minimum is %s%s", k.Path, have.Interface(), written, why)
		}
	}
	return nil
}

// at finds the value of a key by its path; invalid when there is none.
func (c *Config) at(path string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for _, part := range strings.Split(path, ".") {
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		i := yamlField(v.Type(), part)
		if i == nil {
			return reflect.Value{}
		}
		v = v.FieldByIndex(i)
	}
	return v
}

// number reads a minimum as the same kind of value; what cannot be read is no bound.
func number(like reflect.Value, written string) float64 {
	v := reflect.New(like.Type())
	if s, ok := v.Interface().(scalar); ok {
		_ = s.parse(written)
	} else if i, err := strconv.Atoi(written); err == nil {
		v.Elem().SetInt(int64(i))
	}
	return asFloat(v.Elem())
}

func asFloat(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// checkRun refuses bounds under which no run could ever finish.
func (c *Config) checkRun() error {
	v := c.Verify
	if need := Duration(v.Successes-1) * v.Interval; need >= v.Timeout {
		return c.fail("verify", "verify: %d successes, one every %s, take %s, and verify.timeout is %s: no key would ever be "+
			"verified; raise verify.timeout above %s", v.Successes, v.Interval, need, v.Timeout, need)
	}
	if need := v.Timeout + 2*c.HTTPTimeout; c.RunDeadline < need {
		return c.fail("run_deadline,http_timeout,verify", "run_deadline (%s) must be at least verify.timeout (%s) + 2 × http_timeout (%s) = %s: otherwise a "+
			"run ends before its verification can", c.RunDeadline, v.Timeout, c.HTTPTimeout, need)
	}
	return nil
}

// checkWritten refuses a schedule of which only a part was written: the rest would silently be the ten-minute default.
func (c *Config) checkWritten() error {
	written := func(path string) error {
		if c.lines[path] == 0 {
			return nil
		}
		for _, k := range []string{"rotate_every", "deactivate_after", "delete_after"} {
			if c.lines[path+"."+k] == 0 {
				return c.fail(path, "%s.%s is missing: a schedule needs rotate_every, deactivate_after and delete_after, all three ages "+
					"of a key", path, k)
			}
		}
		return nil
	}
	if err := written("schedule"); err != nil {
		return err
	}
	for _, name := range c.sortedSchedules() {
		if err := written("schedules." + name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkSchedules() error {
	crons := map[[2]string]firings{}
	for _, w := range append(slices.Collect(maps.Values(c.Schedules)), c.Schedule) {
		if f, err := parseCron(w.RotateEvery.Cron, w.TimeZone); w.RotateEvery.Cron != "" && err == nil {
			crons[[2]string{w.RotateEvery.Cron, w.TimeZone}] = f
		}
	}
	c.crons = crons
	if _, err := c.RotationSchedule(""); err != nil {
		return err
	}
	for _, name := range c.sortedSchedules() {
		if name == "" || len(name) > 64 || strings.Trim(name, nameLetters) != "" {
			return c.fail("schedules."+name, "schedules: the name %q cannot be used: letters, digits, - and _ only, as it stands in an IAM tag", name)
		}
		if _, err := c.RotationSchedule(name); err != nil {
			return err
		}
	}
	return nil
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
