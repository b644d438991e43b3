package awsidentity

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/keyturn/keyturn/internal/rotation"
)

// emptyBody is the SHA-256 of no bytes.
const emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Signer makes proofs with AWS credentials. It may be used by many goroutines.
type Signer struct {
	Credentials aws.CredentialsProvider
	Region      string
	Endpoint    string // of STS, as http://127.0.0.1:4566; empty: that of the Region
	ServerID    string // of the server that is to be shown the proof
}

// Sign makes a proof, good for one request within a minute. Nothing is sent.
func (s *Signer) Sign(ctx context.Context, now time.Time) (rotation.Sensitive, error) {
	if s.Credentials == nil {
		return rotation.Sensitive{}, fmt.Errorf("no AWS credentials: sign in, or set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role")
	}
	base := strings.TrimSuffix(s.Endpoint, "/")
	if base == "" {
		var err error
		if base, err = endpoint(s.Region); err != nil {
			return rotation.Sensitive{}, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/?Action=GetCallerIdentity&Version="+version+"&X-Amz-Expires=60", nil)
	if err != nil {
		return rotation.Sensitive{}, fmt.Errorf("the endpoint of STS is not a URL like https://host:port")
	}
	nonce := rand.Text()
	r.Header.Set(Header, s.ServerID)
	r.Header.Set(HeaderNonce, nonce)
	creds, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return rotation.Sensitive{}, fmt.Errorf("no AWS credentials to prove an identity with: sign in, or set AWS_PROFILE, AWS_ACCESS_KEY_ID or "+
			"a role (%w)", err)
	}
	presigned, _, err := v4.NewSigner().PresignHTTP(ctx, creds, r, emptyBody, "sts", s.Region, now)
	if err != nil {
		return rotation.Sensitive{}, fmt.Errorf("signing a proof of the AWS identity: %w", err)
	}
	return wrap(nonce, presigned), nil
}
