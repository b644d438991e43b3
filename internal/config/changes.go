package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Changes says in which keys another configuration differs, one phrase each, in the order of the file's keys.
func (c *Config) Changes(next *Config) (out []string) {
	for _, k := range keys {
		if was := c.at(k.Path); was.IsValid() {
			out = append(out, changes(k.Path, was, next.at(k.Path))...)
		}
	}
	return out
}

// changes are those of one key. Of a section its own keys tell.
func changes(path string, was, is reflect.Value) (out []string) {
	_, scalarKey := reflect.New(was.Type()).Interface().(scalar)
	switch kind := was.Kind(); {
	case scalarKey, kind != reflect.Struct && kind != reflect.Slice && kind != reflect.Map:
		if !was.Equal(is) {
			out = append(out, fmt.Sprintf("%s: %s → %s", path, told(was), told(is)))
		}
	case kind == reflect.Slice:
		if !reflect.DeepEqual(was.Interface(), is.Interface()) && was.Len()+is.Len() > 0 {
			out = append(out, path+" changed")
		}
	case kind == reflect.Map:
		names := map[string]bool{}
		for _, k := range append(was.MapKeys(), is.MapKeys()...) {
			names[k.String()] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			before, after := was.MapIndex(reflect.ValueOf(name)), is.MapIndex(reflect.ValueOf(name))
			switch {
			case !before.IsValid():
				out = append(out, path+"."+name+" is new")
			case !after.IsValid():
				out = append(out, path+"."+name+" is gone")
			case !reflect.DeepEqual(before.Interface(), after.Interface()):
				out = append(out, path+"."+name+" changed")
			}
		}
	}
	return out
}

func told(v reflect.Value) string {
	if s := strings.TrimSpace(fmt.Sprint(v.Interface())); s != "" {
		return s
	}
	return "nothing"
}
