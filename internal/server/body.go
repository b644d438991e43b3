package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/kinds"
)

// bodyTime is how long the body of a request may take to come.
const bodyTime = 10 * time.Second

// body reads the body of a request, all of it. It must be JSON when there is one: browsers send no other site's JSON without asking.
func (s *Server) body(w http.ResponseWriter, r *http.Request, rt *Route) ([]byte, error) {
	most := rt.maxBody()
	tooLarge := fmt.Errorf("%w: at most %d bytes are taken", kinds.ErrTooLarge, most)
	if r.ContentLength > most {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // a recorder in a test has none
	b, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, fmt.Errorf("%w: send it within %s", kinds.ErrTooSlow, bodyTime)
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, fmt.Errorf("%w: its body ends too early", kinds.ErrBadRequest)
	case int64(len(b)) > most:
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	_ = control.SetReadDeadline(time.Time{})
	if len(b) == 0 {
		return b, nil
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, fmt.Errorf("%w: send it as Content-Type: application/json", kinds.ErrMediaType)
	}
	return whole(b)
}

// whole writes the numbers of a JSON text that have an empty fraction without it, as JSON Schema takes 1.0 for an integer and Go's decoder
// does not, and refuses null: no field takes it, and Go's decoder would take it for a field that is left out. What is no JSON stays: huma
// says so.
func whole(b []byte) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return b, nil //nolint:nilerr // huma says what is wrong with it
	}
	v, changed, null := numbers(v)
	if null {
		return nil, fmt.Errorf("%w: null is no value here; leave the field out instead", kinds.ErrInvalidRequest)
	}
	if !changed {
		return b, nil
	}
	return json.Marshal(v)
}

func numbers(v any) (out any, changed, null bool) {
	switch v := v.(type) {
	case nil:
		return v, false, true
	case json.Number:
		if _, err := v.Int64(); err != nil {
			if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				return int64(f), true, false
			}
		}
	case map[string]any:
		for k, inner := range v {
			now, c, n := numbers(inner)
			v[k], changed, null = now, changed || c, null || n
		}
		return v, changed, null
	case []any:
		for i, inner := range v {
			now, c, n := numbers(inner)
			v[i], changed, null = now, changed || c, null || n
		}
		return v, changed, null
	}
	return v, false, false
}
