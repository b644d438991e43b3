// Package server is keyturn's REST API: who may ask, for what and how often, and how it is answered. What an operator can do is
// [fleet.Desk]'s, and what a key is [apikey]'s; this package only translates.
//
// # The way of a request
//
//	ServeHTTP   the host, security headers, CORS, an unclean path
//	route       one row of Routes; its handler is wrapped once, when the server is made
//	guard       stands by → limit of the address → who asks → limit of the key → scope → body → Idempotency-Key
//	handler     a function of huma's ([handle]), or a plain one where every microsecond counts ([raw])
//
// Every error is one of [kinds], and leaves as application/problem+json (RFC 9457) through [Server.problem] alone.
package server
