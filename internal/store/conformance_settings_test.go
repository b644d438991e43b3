package store

import "testing"

func settings(t *testing.T, db testDB) {
	s := db.open(t)
	same(t, must(s.Setting(t.Context(), "canary"))(t), "")
	ok(t, s.SetSetting(t.Context(), "canary", "one"))
	ok(t, s.SetSetting(t.Context(), "canary", "two"))
	ok(t, s.SetSetting(t.Context(), "other", "bytes \x00\xff and more"))
	same(t, must(s.Setting(t.Context(), "canary"))(t), "two")
	same(t, must(s.Setting(t.Context(), "other"))(t), "bytes \uFFFD\uFFFD and more")
	ok(t, s.SetSetting(t.Context(), "canary", ""))
	same(t, must(s.Setting(t.Context(), "canary"))(t), "")
	if db.shared {
		ok(t, s.SetSetting(t.Context(), "canary", "three"))
		same(t, must(db.open(t).Setting(t.Context(), "canary"))(t), "three")
	}
}
