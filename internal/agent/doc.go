// Package agent serves users' credentials to the programs of one machine, on a loopback address, in the form that AWS SDKs ask for by
// AWS_CONTAINER_CREDENTIALS_FULL_URI. It fetches them from a keyturn server ahead of time and keeps the last good ones in memory until
// they expire, so that a server that is away for a while is nobody's trouble.
//
// Other users of the machine can reach a loopback address, too, and so can pages in a browser: who asks shows a token from a file that
// only its owner can read, names this machine by a number that no name server can give to another one, and has no Origin.
package agent
