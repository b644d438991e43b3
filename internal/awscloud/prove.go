package awscloud

import (
	"github.com/keyturn/keyturn/internal/awsidentity"
)

// STSEndpoint is the configured endpoint of STS; "" when it is AWS's own.
func (a *Account) STSEndpoint() string {
	if e := a.sts.Options().BaseEndpoint; e != nil {
		return *e
	}
	return ""
}

// Signer gives what proves our own AWS identity to a keyturn server, without a question to AWS.
func (a *Account) Signer(serverID string) *awsidentity.Signer {
	o := a.sts.Options()
	return &awsidentity.Signer{Credentials: o.Credentials, Region: o.Region, Endpoint: a.STSEndpoint(), ServerID: serverID}
}
