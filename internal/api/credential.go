package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// Credential is a user's current key. Whoever holds it may use it until its expiration, and asks again by then.
type Credential struct {
	Account         string    `json:"account" doc:"AWS account."`
	User            string    `json:"user" doc:"Name of the IAM user."`
	AccessKeyID     string    `json:"access_key_id" doc:"Id of the access key." example:"AKIAIOSFODNN7EXAMPLE"`
	SecretAccessKey string    `json:"secret_access_key" doc:"The secret of the access key."`
	Expiration      time.Time `json:"expiration" doc:"Until when the key certainly works. Ask again by then: it is deactivated soon after."`
}

// CredentialOf is a credential on the wire. It holds the secret in plain text.
func CredentialOf(c fleet.Credential) Credential {
	return Credential{c.User.Account, c.User.Name, c.AccessKeyID, c.SecretAccessKey.Reveal(), c.Expiration.UTC()}
}

// Created is what came of new credentials that were asked for, once they are there.
type Created struct {
	Credential
	Rotation Rotation `json:"rotation" doc:"The rotation that made them."`
}

// Export is the form of an export in JSON.
type Export struct {
	Credentials []Credential `json:"credentials" doc:"By account and user."`
	Failed      []NotGiven   `json:"failed" doc:"Users that have no credential to give out, or whose credential could not be read."`
}

// NotGiven is a user whose credential is not in an export.
type NotGiven struct {
	Account string `json:"account" doc:"AWS account."`
	User    string `json:"user" doc:"Name of the IAM user."`
	Code    string `json:"code" doc:"Why, for programs; the codes of problems."`
	Detail  string `json:"detail" doc:"Why, and what to do."`
}
