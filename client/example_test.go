package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/client"
)

// keyturn stands for a server or an agent.
func keyturn() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/container/ci-deploy" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"code":"unknown-user","message":"there is no such user"}`)
			return
		}
		fmt.Fprintf(w, `{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"…","Token":"","Expiration":%q}`,
			time.Now().Add(11*time.Minute).UTC().Format(time.RFC3339))
	}))
}

// One Provider serves all clients of a program: make it once, and close it at the end.
func Example() {
	server := keyturn()
	defer server.Close()

	keys, err := client.New(client.Config{URL: server.URL, User: "ci-deploy", APIKey: "an API key with credentials:read"})
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()

	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithRegion("us-east-1"), config.WithCredentialsProvider(keys))
	if err != nil {
		log.Fatal(err)
	}
	_ = sts.NewFromConfig(cfg) // and any other client of the SDK

	got, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(got.AccessKeyID, got.CanExpire)
	// Output: AKIAIOSFODNN7EXAMPLE true
}

// What the server refuses for good is told at once, as an *Error.
func ExampleProvider_Retrieve() {
	server := keyturn()
	defer server.Close()
	keys, err := client.New(client.Config{URL: server.URL, User: "nobody", APIKey: "an API key"})
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()
	_, err = keys.Retrieve(context.Background())
	fmt.Println(err)
	// Output: credentials of nobody: keyturn answered 400: unknown-user: there is no such user
}

// Where the API key is a file that something else replaces (a mounted secret), and the server's certificate comes from one's own authority.
func ExampleNew() {
	keys, err := client.New(client.Config{
		URL: "https://keyturn.example.com:8443", User: "123456789012:ci-deploy",
		APIKeyFile: "/run/secrets/keyturn", OnError: func(err error) { log.Print(err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()
	var _ aws.CredentialsProvider = keys
	// Output:
}
