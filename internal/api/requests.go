package api

import "github.com/keyturn/keyturn/internal/rotation"

// Why is the body of a request that needs no more than a reason.
type Why struct {
	Why string `json:"why,omitempty" maxLength:"200" doc:"Reason, for the history." example:"release week"`
}

// WhyNeeded is the body of a pause.
type WhyNeeded struct {
	Why string `json:"why" minLength:"1" maxLength:"200" doc:"Reason: whoever finds the user paused will ask." example:"release week"`
}

// KeyPattern is the form of an access key's id.
const KeyPattern = "^[A-Za-z0-9_]{16,128}$"

// Revoke is the body of a revoke.
type Revoke struct {
	KeyID string `json:"key_id" pattern:"^[A-Za-z0-9_]{16,128}$" doc:"Id of the access key to revoke." example:"AKIAIOSFODNN7EXAMPLE"`
	Why   string `json:"why,omitempty" maxLength:"200" doc:"Reason, for the history." example:"leaked"`
}

// Rollback is the body of a rollback.
type Rollback struct {
	KeyID string `json:"key_id,omitempty" pattern:"^[A-Za-z0-9_]{16,128}$" doc:"Id of the access key to go back to; without one, the key that AWSPREVIOUS names."`
	Why   string `json:"why,omitempty" maxLength:"200" doc:"Reason, for the history."`
}

// Adopt is the body of an adoption.
type Adopt struct {
	Retire string `json:"retire,omitempty" pattern:"^[A-Za-z0-9_]{16,128}$" doc:"Id of the access key that keyturn is to retire; without one, an IAM user that was deleted and made anew is accepted."`
	Why    string `json:"why,omitempty" maxLength:"200" doc:"Reason, for the history."`
}

// Body is what is sent for a request of a kind; its path ends with the kind.
func Body(r rotation.Request) any {
	switch r.Kind {
	case rotation.RequestRevoke:
		return Revoke{r.KeyID, r.Why}
	case rotation.RequestRollback:
		return Rollback{r.KeyID, r.Why}
	case rotation.RequestAdopt:
		return Adopt{r.KeyID, r.Why}
	case rotation.RequestPause:
		return WhyNeeded{r.Why}
	}
	return Why{r.Why}
}
