package rotation

// Current is the version id that AWSCURRENT names; "" when there is none.
func (o Observation) Current() string { return o.Secret.Stage(StageCurrent) }

// Withheld says why the current key may not be given to a consumer; "" when it may. Without a keyID it says as much as can be said
// before the value of AWSCURRENT is read.
func (o Observation) Withheld(keyID string) (r Reason, detail string) {
	if o.Secret.PendingDeletion {
		return BlockedPendingDeletion, "its secret is scheduled for deletion: restore the secret, or take the user out of care"
	}
	if o.Current() == "" {
		return ReasonOnboard, "its first key is not made yet"
	}
	// Tags that are missing or cannot be read stop every change, and shorten the Expiration. The key works all the same.
	st, present, err := ParseState(o.Secret.Tags)
	known := present && err == nil
	switch {
	case !present && err == nil && !ours(o.Current()):
		return BlockedForeignSecret, "a secret of this name is there that keyturn did not make, and what it holds is not keyturn's to give away"
	case known && o.UserID != "" && st.UserID != o.UserID:
		return BlockedUserChanged, "the IAM user was deleted and made anew, and its secret holds the key of the old one: rotate it once " +
			"`keyturn adopt` has accepted the new one"
	case keyID == "":
		return "", ""
	case known && st.IsRevoked(keyID):
		return ReasonRevoke, "its current key was revoked, and the next one is not made yet"
	case ours(o.Current()) && VersionID(keyID) != o.Current():
		return BlockedSecretValue, "the value of AWSCURRENT names another access key than its version id does: rotate the user"
	}
	return "", ""
}

// Usable are the ids of the keys that a consumer may hold: Active, and not revoked.
func (o Observation) Usable() (ids []string) {
	st, _, _ := ParseState(o.Secret.Tags)
	for _, k := range o.Keys {
		if k.Status == Active && !st.IsRevoked(k.ID) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}
