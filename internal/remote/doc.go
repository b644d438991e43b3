// Package remote is a [fleet.Desk] over keyturn's REST API: what an operator does on another machine, with an API key. Errors keep their
// kind on the way (package kinds), and an answer of a request that was not carried out is an answer here, too, so that whoever holds a Desk
// cannot tell the two ends apart.
//
// # What it trusts
//
// The API key goes to the host of the URL only: http beyond this machine is refused before anything is sent, certificates are always
// checked, and no redirect is followed. What answers is believed to be a keyturn only if it speaks like one.
//
// # What is sent twice
//
// Nothing is sent a second time by itself: whether the first time took effect would be unknown, and the error says so. Each request that
// changes something bears an Idempotency-Key of its own all the same, as a proxy between may repeat it.
package remote
