package kinds

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Kind is one meaning that an error can have: what it is called on the wire, and how a command ends with it.
type Kind struct {
	Code     string // on the wire; it never changes
	Status   int    // of the HTTP answer
	Exit     int    // of the command; main.go of keyturn says what each means
	What     string // what happened, for people who see the code; one phrase
	Is       func(error) bool
	Sentinel error // nil: the error has a type of its own
}

// The exit codes; main.go of keyturn says what they mean.
const (
	ExitUnexpected = 1
	ExitUsage      = 2
)

// All are all meanings that are told apart, the first match counts. An error that is none of them is unexpected: it keeps its text.
var All = []Kind{
	typed[*fleet.UnknownUserError]("unknown-user", http.StatusNotFound, ExitUsage, "no such user is under care, or the API key may not know it"),
	typed[*BlockedError]("blocked", http.StatusConflict, ExitUnexpected, "what was asked for is not possible now; reason and detail say why and what to do"),
	typed[*fleet.WithheldError]("withheld", http.StatusServiceUnavailable, ExitUnexpected, "the user has no access key that may be given out yet, or for the moment; reason and detail say why"),
	kind("records-busy", http.StatusServiceUnavailable, ExitUnexpected, store.ErrBusy, "accesses cannot be recorded so fast, and none is given without a record"),
	kind("no-record", http.StatusServiceUnavailable, ExitUnexpected, ErrNoRecord, "the access cannot be put on record, so no credential is given out"),
	typed[*config.Error]("configuration", http.StatusUnprocessableEntity, ExitUsage, "the configuration is not valid"),

	// Who asks.
	kind("unauthenticated", http.StatusUnauthorized, ExitUsage, apikey.ErrUnknown, "no API key was sent, or it is unknown, expired, revoked or from a network that it may not come from"),
	kind("keys-unavailable", http.StatusServiceUnavailable, ExitUnexpected, apikey.ErrUnavailable, "the API keys cannot be read from Secrets Manager"),
	kind("identity-unproven", http.StatusServiceUnavailable, ExitUnexpected, apikey.ErrUnproven, "AWS cannot be asked now whose the proof of an AWS identity is"),
	kind("forbidden", http.StatusForbidden, ExitUsage, ErrForbidden, "the API key lacks the scope that this needs"),
	kind("wrong-host", http.StatusForbidden, ExitUsage, ErrWrongHost, "the request names a host that this server is not"),
	kind("cross-origin", http.StatusForbidden, ExitUsage, ErrCrossOrigin, "a page of another web site sent the request"),
	kind("too-fast", http.StatusTooManyRequests, ExitUnexpected, ErrTooFast, "too many requests; Retry-After says when the next one may come"),
	kind("rotation-quota", http.StatusTooManyRequests, ExitUnexpected, ErrRotationQuota, "the user had as many rotations within 24 hours as it may, those of its schedule included"),
	kind("no-api-key", http.StatusNotFound, ExitUsage, apikey.ErrNoKey, "no API key has this id"),
	kind("invalid-api-key", http.StatusBadRequest, ExitUsage, apikey.ErrInvalid, "an API key cannot be made like this"),
	kind("grant", http.StatusForbidden, ExitUsage, apikey.ErrGrant, "the API key that is asked for may do more than the one that asks"),
	kind("api-keys-busy", http.StatusConflict, ExitUnexpected, apikey.ErrBusy, "others changed the API keys at the same time"),
	kind("api-key-revoked", http.StatusConflict, ExitUsage, apikey.ErrRevoked, "the API key is revoked or has expired"),

	// What was asked.
	kind("bad-request", http.StatusBadRequest, ExitUsage, ErrBadRequest, "the request cannot be read: no valid JSON, or a parameter of the wrong form"),
	kind("invalid-request", http.StatusUnprocessableEntity, ExitUsage, ErrInvalidRequest, "the request can be read, and a value in it is not allowed; errors names it"),
	kind("too-large", http.StatusRequestEntityTooLarge, ExitUsage, ErrTooLarge, "the body of the request is too large"),
	kind("media-type", http.StatusUnsupportedMediaType, ExitUsage, ErrMediaType, "the body of the request is not application/json"),
	kind("too-slow", http.StatusRequestTimeout, ExitUnexpected, ErrTooSlow, "the body of the request did not come in time"),
	kind("no-route", http.StatusNotFound, ExitUsage, ErrNoRoute, "the API has no such path"),
	kind("no-method", http.StatusMethodNotAllowed, ExitUsage, ErrNoMethod, "the path is there, and not for this method"),
	kind("switched-off", http.StatusForbidden, ExitUsage, ErrOff, "the configuration does not allow this"),
	kind("idempotency-mismatch", http.StatusUnprocessableEntity, ExitUsage, ErrMismatch, "the Idempotency-Key was used for another request before"),
	kind("idempotency-busy", http.StatusConflict, ExitUnexpected, ErrInFlight, "the first request with this Idempotency-Key has not ended"),
	kind("idempotency-full", http.StatusTooManyRequests, ExitUnexpected, store.ErrReplays, "the API key has used too many Idempotency-Keys within a day"),

	// AWS.
	kind("denied", http.StatusBadGateway, ExitUsage, rotation.ErrDenied, "AWS lets keyturn not do what its configuration asks for"),
	kind("invalid-key", http.StatusBadGateway, ExitUsage, rotation.ErrInvalidKey, "AWS does not know keyturn's own credentials"),
	kind("wrong-secret", http.StatusBadGateway, ExitUsage, rotation.ErrWrongSecret, "the secret of keyturn's own credentials is wrong"),
	kind("region-disabled", http.StatusBadGateway, ExitUsage, rotation.ErrRegionDisabled, "the configuration names a Region that is not enabled"),
	kind("no-user", http.StatusNotFound, ExitUnexpected, rotation.ErrNoUser, "IAM has no such user any more"),
	kind("no-key", http.StatusNotFound, ExitUnexpected, rotation.ErrNoKey, "IAM has no such access key"),
	kind("no-secret", http.StatusNotFound, ExitUnexpected, rotation.ErrNoSecret, "Secrets Manager has no secret of this user yet"),
	kind("secret-exists", http.StatusConflict, ExitUnexpected, rotation.ErrSecretExists, "a secret of this name exists already"),
	kind("key-limit", http.StatusConflict, ExitUnexpected, rotation.ErrKeyLimit, "the user has two access keys already"),
	kind("version-quota", http.StatusConflict, ExitUnexpected, rotation.ErrVersionQuota, "the secret has as many versions as it may have"),
	kind("conflict", http.StatusConflict, ExitUnexpected, rotation.ErrConflict, "somebody changed the same thing at the same time"),
	kind("version-taken", http.StatusConflict, ExitUnexpected, rotation.ErrVersionTaken, "the version of the secret holds something else"),
	kind("pending-deletion", http.StatusConflict, ExitUnexpected, rotation.ErrPendingDeletion, "the secret is about to be deleted"),
	kind("wrong-user", http.StatusConflict, ExitUnexpected, rotation.ErrWrongUser, "the key is another user's"),
	kind("throttled", http.StatusBadGateway, ExitUnexpected, rotation.ErrThrottled, "AWS takes no more requests for the moment"),
	kind("unavailable", http.StatusBadGateway, ExitUnexpected, rotation.ErrUnavailable, "AWS did not answer, or answered with an error of its own"),
	kind("kms", http.StatusBadGateway, ExitUnexpected, rotation.ErrKMS, "the KMS key of the secret cannot be used"),
	kind("bad-secret", http.StatusConflict, ExitUnexpected, rotation.ErrBadSecret, "the secret holds what keyturn cannot read"),
	kind("invalid", http.StatusBadGateway, ExitUnexpected, rotation.ErrInvalid, "AWS did not accept a request of keyturn's"),

	// The daemon.
	kind("standing-by", http.StatusServiceUnavailable, ExitUnexpected, ErrStandingBy, "this server does not look after the users now: it starts, stops or stands by for another one"),
	kind("stopping", http.StatusServiceUnavailable, ExitUnexpected, fleet.ErrStopping, "the server is being stopped"),
	kind("wrong-request", http.StatusBadRequest, ExitUnexpected, ErrWrongRequest, "command and daemon are of different versions"),
	kind("lease-lost", http.StatusConflict, ExitUnexpected, rotation.ErrLeaseLost, "another run took the user over"),

	// The database.
	kind("database-newer", http.StatusConflict, ExitUsage, store.ErrNewer, "the database was written by a newer keyturn"),
	kind("not-a-database", http.StatusConflict, ExitUsage, store.ErrNotOurs, "the file is no database of keyturn's"),
	kind("no-database-access", http.StatusConflict, ExitUsage, store.ErrNoAccess, "the database cannot be opened: its folder is missing, or not keyturn's to read"),
	kind("no-database", http.StatusNotFound, ExitUsage, store.ErrMissing, "there is no database to back up or check"),
	kind("bad-backup-file", http.StatusConflict, ExitUsage, store.ErrTarget, "the backup's file exists already, or cannot be made"),
	kind("database-corrupt", http.StatusInternalServerError, ExitUnexpected, store.ErrCorrupt, "the database is damaged"),
	kind("database-read-only", http.StatusConflict, ExitUsage, store.ErrReadOnly, "the database cannot be written to"),
	kind("database-locked", http.StatusServiceUnavailable, ExitUnexpected, store.ErrLocked, "another process holds the database"),
	kind("disk-full", http.StatusInsufficientStorage, ExitUnexpected, store.ErrFull, "the disk is full"),
	kind("disk-failed", http.StatusInternalServerError, ExitUnexpected, store.ErrDisk, "the disk failed"),
	kind("database-moved", http.StatusServiceUnavailable, ExitUnexpected, store.ErrMoved, "the database was moved away"),
	kind("database-log", http.StatusInternalServerError, ExitUnexpected, store.ErrLog, "the database's log cannot be written"),
}

// Unexpected is what every other error is.
var Unexpected = Kind{Code: "unexpected", Status: http.StatusInternalServerError, Exit: ExitUnexpected, What: "something that should not happen; the server's log tells more"}

func kind(code string, status, exit int, sentinel error, what string) Kind {
	return Kind{code, status, exit, what, func(err error) bool { return errors.Is(err, sentinel) }, sentinel}
}

func typed[E error](code string, status, exit int, what string) Kind {
	return Kind{Code: code, Status: status, Exit: exit, What: what, Is: func(err error) bool { var e E; return errors.As(err, &e) }}
}

// Of gives the meaning of an error that is not nil.
func Of(err error) Kind {
	for _, k := range All {
		if k.Is(err) {
			return k
		}
	}
	return Unexpected
}

// ByCode gives the meaning that a code on the wire has; Unexpected when it has none here.
func ByCode(code string) Kind {
	for _, k := range All {
		if k.Code == code {
			return k
		}
	}
	return Unexpected
}

// Table is the documentation's table of all codes, in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| code | status | exit | what happened |\n|---|---|---|---|\n")
	for _, k := range append(slices.Clone(All), Unexpected) {
		fmt.Fprintf(&b, "| `%s` | %d | %d | %s |\n", k.Code, k.Status, k.Exit, k.What)
	}
	return b.String()
}
