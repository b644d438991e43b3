package awsidentity

import (
	"fmt"
	"slices"
	"strings"
)

// partition is where STS answers in one part of AWS.
type partition struct {
	name     string   // in ARNs
	suffixes []string // of regional endpoints: the usual one, then dual-stack
	global   string   // the endpoint without a Region, which is us-east-1's; "": none
	regions  string
}

// partitions are the Regions of AWS SDK for Go v2 1.47 (internal/endpoints/awsrulesfn/partitions.json) and STS's hosts there
// (service/sts/internal/endpoints). It is a list and no pattern: a Region that is not in it is refused.
var partitions = []partition{
	{"aws", []string{"amazonaws.com", "api.aws"}, "sts.amazonaws.com", "af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 " +
		"ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 " +
		"ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 " +
		"me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"},
	{"aws-cn", []string{"amazonaws.com.cn", "api.amazonwebservices.com.cn"}, "", "cn-north-1 cn-northwest-1"},
	{"aws-us-gov", []string{"amazonaws.com", "api.aws"}, "", "us-gov-east-1 us-gov-west-1"},
	{"aws-eusc", []string{"amazonaws.eu", "api.amazonwebservices.eu"}, "", "eusc-de-east-1"},
	{"aws-iso", []string{"c2s.ic.gov"}, "", "us-iso-east-1 us-iso-west-1"},
	{"aws-iso-b", []string{"sc2s.sgov.gov"}, "", "us-isob-east-1 us-isob-west-1"},
	{"aws-iso-e", []string{"cloud.adc-e.uk"}, "", "eu-isoe-west-1"},
	{"aws-iso-f", []string{"csp.hci.ic.gov"}, "", "us-isof-east-1 us-isof-south-1"},
}

// hosts are all hosts of STS, with the Region that a signature for each names.
var hosts = func() map[string]string {
	out := map[string]string{}
	for _, p := range partitions {
		for region := range strings.FieldsSeq(p.regions) {
			for _, suffix := range p.suffixes {
				out["sts."+region+"."+suffix] = region
				out["sts-fips."+region+"."+suffix] = region
			}
		}
		if p.global != "" {
			out[p.global] = "us-east-1"
		}
	}
	return out
}()

// partitionOf is the part of AWS that has a Region; nil: none that is known.
func partitionOf(region string) *partition {
	for i, p := range partitions {
		if slices.Contains(strings.Fields(p.regions), region) {
			return &partitions[i]
		}
	}
	return nil
}

// endpoint is where a machine in a Region has its proofs checked.
func endpoint(region string) (string, error) {
	if p := partitionOf(region); p != nil {
		return "https://sts." + region + "." + p.suffixes[0], nil
	}
	return "", fmt.Errorf("%q is no Region of AWS that keyturn knows: set AWS_REGION", region)
}
