// Package client gives programs in Go the rotated access key of an IAM user from a keyturn server, or from the keyturn agent on their
// machine: a [Provider] is an aws.CredentialsProvider.
//
//	keys, err := client.New(client.Config{URL: "https://keyturn.example.com:8443", User: "ci-deploy", APIKeyFile: "/run/secrets/keyturn"})
//	…
//	defer keys.Close()
//	identity := sts.New(sts.Options{Region: "us-east-1", Credentials: keys})
//
// A Provider fetches in the background, long before its credentials expire, so that no call has to wait for it. When the server does not
// answer it goes on with what it has until the Expiration, which is never later than the deactivation of the key, and tries again until
// there is an answer. However many goroutines ask at once, one request is under way.
//
// Programs that need none of this can set AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN, which every AWS SDK
// knows; `keyturn connect USER` prints them. The SDK's own provider fetches when it is called, and fails when that fails.
package client
