// Package credentials keeps users' current keys in memory for a moment, so that consumers are answered fast and an outage of Secrets
// Manager hurts none of them.
//
// What is kept of a user has an age and an end. Everything counts from before the read that it came from began.
//
//	fresh     a quarter of the time to the Expiration, at most a minute: it is given out as it is
//	firm      half of that time, at most two minutes: it is given out, and read again in the background
//	good      until its Expiration: a reader waits for a new read, a second at most; if that fails, or takes longer, it is given out
//
// After its Expiration nothing is given out, and soon forgotten. Whatever a run of keyturn sees of the user's keys ([Cache.Heard]) counts
// at once: a key that must not be used any more is forgotten, and one that has a successor is no longer fresh. A user whose key a consumer
// still holds is read again ahead of its Expiration, so that the successor is there when the consumer comes for it.
//
// Reads in the background have a rate, just fast enough for each to come in time: users that are read together once are not read together
// again.
//
// Nothing is written anywhere. There is one read of a user at a time, and one that began before a Drop is not kept.
package credentials
