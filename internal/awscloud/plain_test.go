package awscloud

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// A proxy of the environment is for https only: plain http stays on this machine, however its host is written.
func TestPlainHTTPTakesNoProxy(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
	base := aws.Config{HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.Proxy = http.ProxyURL(proxy) })}
	transport := httpClient(Config{}.withDefaults(), base).(*http.Client).Transport.(*http.Transport)
	for target, want := range map[string]*url.URL{"http://LOCALHOST:4566/": nil, "https://iam.amazonaws.com/": proxy} {
		r, _ := http.NewRequest(http.MethodPost, target, nil)
		if got, err := transport.Proxy(r); got != want || err != nil {
			t.Errorf("%s goes by the proxy %v, %v; want %v", target, got, err, want)
		}
	}
}

func TestEndpointsPasswordIsNotRepeated(t *testing.T) {
	for _, endpoint := range []string{"http://u:hunter2@10.0.0.1", "ftp://u:hunter2@127.0.0.1", "http://u:hunter2@%zz"} {
		if err := checkEndpoint("IAM", endpoint, false); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}
