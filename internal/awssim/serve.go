package awssim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// request is what a call is made of, the same from a socket and from Transport.
type request struct {
	method, host, path, rawQuery string
	header                       http.Header
	body                         []byte
	values                       url.Values
}

func (r *request) query() url.Values {
	if r.values == nil {
		// What does not parse is not signed either, so it fails later.
		r.values, _ = url.ParseQuery(r.rawQuery)
	}
	return r.values
}

type reply struct {
	status      int
	contentType string
	body        []byte
	errorType   string
	id          string
	date        string
}

func (r *reply) writeHeader(h http.Header, service string) {
	// One array for all of them: this is the hottest path.
	v := [...]string{r.contentType, strconv.Itoa(len(r.body)), r.id, r.date}
	h["Content-Type"] = v[0:1:1]
	h["Content-Length"] = v[1:2:2]
	h["X-Amzn-Requestid"] = v[2:3:3]
	h["Date"] = v[3:4:4]
	if r.errorType != "" && service == "ses" {
		h["X-Amzn-Errortype"] = []string{r.errorType}
	}
}

// errBroken is a connection that breaks: the caller cannot know what happened.
var errBroken = fmt.Errorf("awssim: connection broken: %w", io.ErrUnexpectedEOF)

const maxBody = 10 << 20

// ServeHTTP answers any service and Region: both are read from the credential scope.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.ContentLength != 0 {
		var err error
		if n := r.ContentLength; n > 0 && n <= maxBody {
			body = make([]byte, n)
			_, err = io.ReadFull(r.Body, body)
		} else {
			body, err = io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
		}
		if err != nil {
			http.Error(rw, "awssim: reading the request: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	req := &request{
		method: r.Method, host: r.Host, path: r.URL.EscapedPath(), rawQuery: r.URL.RawQuery,
		header: r.Header, body: body,
	}
	out, service, err := w.answer(r.Context(), req, func(complaint string) {
		// net/http would swallow a panic of this goroutine, and a broken rule with it.
		go panic(complaint)
	})
	if err != nil {
		// A closed connection is what the caller gets, without an answer.
		panic(http.ErrAbortHandler)
	}
	out.writeHeader(rw.Header(), service)
	rw.WriteHeader(out.status)
	_, _ = rw.Write(out.body) // whoever asked may be gone
}

// Transport is a RoundTripper that calls the world in the caller's goroutine, without a socket, for
// tests in virtual time. It keeps to the request's context as net/http's transport does.
func (w *World) Transport() http.RoundTripper { return direct{w} }

type direct struct{ w *World }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("awssim: reading the request: %w", err)
		}
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	req := &request{
		method: r.Method, host: host, path: r.URL.EscapedPath(), rawQuery: r.URL.RawQuery,
		header: r.Header, body: body,
	}
	out, service, err := d.w.answer(r.Context(), req, func(complaint string) { panic(complaint) })
	if err != nil {
		return nil, err
	}
	h := make(http.Header, 5)
	out.writeHeader(h, service)
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(out.body)),
		ContentLength: int64(len(out.body)), Request: r,
	}, nil
}

// answer runs a call and tells the broken rules it caused.
func (w *World) answer(ctx context.Context, r *request, complain func(string)) (*reply, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	x := &exec{w: w, req: r, ctx: ctx, complain: complain}
	fault, err := x.run()
	if err != nil {
		return nil, "", err
	}
	out := &reply{status: 200, id: w.requestID(), date: w.now().UTC().Format(http.TimeFormat)}
	service := x.call.Service
	if fault != nil {
		fault = fault.inWords(service)
		out.status, out.errorType = fault.status, fault.code
		out.contentType, out.body = fault.describe(service, out.id)
		return out, service, nil
	}
	switch service {
	case "secretsmanager":
		out.contentType, out.body = "application/x-amz-json-1.1", x.json.b
	case "ses":
		out.contentType, out.body = "application/json", x.json.b
	default:
		out.contentType, out.body = "text/xml", x.envelope(out.id)
	}
	return out, service, nil
}

// envelope wraps a query result as IAM and STS do: operations without a result have no result element.
func (x *exec) envelope(id string) []byte {
	op := x.call.Operation
	e := xmlw{b: make([]byte, 0, len(x.xml.b)+320)}
	e.b = append(append(append(e.b, '<'), op...), `Response xmlns="`...)
	e.b = append(append(e.b, namespace(x.call.Service)...), `">`...)
	if len(x.xml.b) > 0 {
		e.open(op + "Result")
		e.b = append(e.b, x.xml.b...)
		e.close(op + "Result")
	}
	e.open("ResponseMetadata")
	e.text("RequestId", id)
	e.close("ResponseMetadata")
	e.close(op + "Response")
	return e.b
}

// tell reports violations that came up while the lock was held. It is called without it.
func (w *World) tell(complain func(string)) {
	w.mu.Lock()
	unsaid := w.unsaid
	w.unsaid = nil
	w.mu.Unlock()
	for _, v := range unsaid {
		if w.cfg.Violation != nil {
			w.cfg.Violation(v)
		} else {
			complain("awssim: safety rule broken: " + v)
		}
	}
}
