package store

import (
	"path/filepath"
	"testing"
)

func TestConformanceFile(t *testing.T) {
	Conformance(t, func(t *testing.T) testDB {
		path := filepath.Join(t.TempDir(), "odd name ?#%20 é.db") // a path is no URI
		return testDB{shared: true, open: func(t *testing.T) *Store { return openAt(t, path) }}
	})
}

func TestConformanceMemory(t *testing.T) {
	Conformance(t, func(t *testing.T) testDB {
		return testDB{open: func(t *testing.T) *Store { return openAt(t, Memory) }}
	})
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Settle: testSettle})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}
