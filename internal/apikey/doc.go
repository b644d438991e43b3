// Package apikey is keyturn's own API keys: their text, what each may do, and the ring of them in Secrets Manager.
//
// Of a key only the SHA-256 of its text is kept. The text has at least 160 random bits, so no salt, no pepper and no slow hash are
// needed: there is nothing to guess.
//
// The keys stand in a few secrets, the shards, each a JSON document of at most 64 KiB. Every change is a compare-and-swap of the
// shard's AWSCURRENT, so two writers at once lose nothing; a crash at any point leaves either the old document or the new one.
package apikey
