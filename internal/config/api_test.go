package config

import (
	"strings"
	"testing"
)

// Secrets never cross a network in plain text unless somebody said so.
func TestWhereTheAPIMayListen(t *testing.T) {
	plain, tls := parse(t, someUsers), parse(t, someUsers+"api: {tls: {cert: a.crt, key: a.key}}\n")
	told := parse(t, someUsers+"api: {insecure_plaintext: true}\nlisten: 0.0.0.0:80\n")
	for address, want := range map[string][3]bool{ // plain, with a certificate, told so
		"127.0.0.1:0": {true, true, true}, "[::1]:9847": {true, true, true}, "localhost:1": {true, true, true},
		"0.0.0.0:9847": {false, true, true}, ":9847": {false, true, true}, "[::]:9847": {false, true, true}, "10.0.0.7:1": {false, true, true},
		"example.com:80": {}, "127.0.0.1": {}, "127.0.0.1:http": {}, "": {},
	} {
		for i, c := range []*Config{plain, tls, told} {
			if err := c.CheckListen(address); (err == nil) != want[i] {
				t.Errorf("%s, %d: %v", address, i, err)
			}
		}
	}
}

func TestAPIChangesThatNeedARestart(t *testing.T) {
	was := parse(t, someUsers)
	for text, word := range map[string]string{
		"api: {tls: {cert: a.crt, key: a.key}}\n":                                                `api.tls changed from "none" to "a certificate"`,
		"api: {key_prefix: elsewhere}\n":                                                         "api.key_prefix changed",
		"api: {export: true, hosts: [a.b], limits: {per_key: 3}, cors_origins: [https://a.b]}\n": "",
	} {
		err := was.NeedsRestart(parse(t, someUsers+text))
		if (err == nil) != (word == "") || err != nil && !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
