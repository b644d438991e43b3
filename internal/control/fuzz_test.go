package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/fleet"
)

// FuzzRequest: whatever comes over the socket, the answer is JSON, of this form, and no server error; nothing panics.
func FuzzRequest(f *testing.F) {
	desk := &fakeDesk{
		states:  func(context.Context, ...string) ([]fleet.State, error) { return nil, nil },
		plan:    func(context.Context, int, ...string) ([]fleet.Ahead, error) { return nil, nil },
		foresee: func(context.Context, fleet.Ask) (fleet.Foresight, error) { return fleet.Foresight{}, nil },
		do:      func(context.Context, fleet.Ask) (fleet.Answer, error) { return fleet.Answer{}, nil },
		events:  func(context.Context, fleet.EventQuery) ([]fleet.Happening, error) { return nil, nil },
		watch:   func(context.Context, fleet.View) (fleet.Snapshot, error) { return fleet.Snapshot{}, nil },
	}
	s := NewServer(desk, About{Version: "v1", PID: 1}, nil)
	for _, method := range []string{methodAbout, methodStates, methodPlan, methodForesee, methodDo, methodEvents, methodWatch, "other", "../do"} {
		f.Add(http.MethodPost, method, []byte(`{}`))
		f.Add(http.MethodPost, method, []byte(`{"names":["a","123456789012/b"],"steps":3,"limit":10,"after":-1,"wait":"20s","operation":"rotate"}`))
		f.Add(http.MethodGet, method, []byte(`[1]{}`))
	}
	f.Fuzz(func(t *testing.T, verb, method string, body []byte) {
		r := &http.Request{Method: verb, URL: nil, Header: http.Header{}, Host: "keyturn", Body: http.NoBody}
		made, err := http.NewRequest(http.MethodPost, "http://keyturn/", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.Body, r.ContentLength = made.URL, made.Body, made.ContentLength
		r.URL.Path = prefix + method
		w := httptest.NewRecorder()
		s.http.Handler.ServeHTTP(w, r)
		if w.Code == http.StatusMovedPermanently || w.Code == http.StatusTemporaryRedirect {
			return // ServeMux cleans the path
		}
		if w.Code >= 500 {
			t.Fatalf("answered %d: %s", w.Code, w.Body)
		}
		if w.Code == http.StatusMethodNotAllowed {
			return // ServeMux's own
		}
		var a answer[json.RawMessage]
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK && (a.Error == nil || a.Error.Code == "") {
			t.Fatalf("answered %d with %q", w.Code, w.Body)
		}
	})
}
