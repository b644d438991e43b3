package awscloud

import (
	"context"
	"sync"

	"golang.org/x/time/rate"
)

// group is a set of operations that share one of AWS's quotas.
type group int

const (
	ungrouped group = iota
	groupIAM
	groupSTS
	groupWrites
	groupTags
	groupReads
	groupCreate
	groupVersions
)

// groupOf says which quota an operation counts against. What a person does by hand, once, counts against none.
func groupOf(service, operation string) group {
	switch service {
	case "iam":
		return groupIAM
	case "sts":
		return groupSTS
	}
	switch operation {
	case "PutSecretValue", "UpdateSecretVersionStage":
		return groupWrites
	case "TagResource", "UntagResource":
		return groupTags
	case "DescribeSecret", "GetSecretValue":
		return groupReads
	case "CreateSecret":
		return groupCreate
	case "ListSecretVersionIds":
		return groupVersions
	}
	return ungrouped
}

// pacers hold requests back before they are signed, one by one: one pacer per group and Region.
type pacers struct {
	pace Pace
	mu   sync.Mutex
	by   map[pacerKey]*rate.Limiter
}

type pacerKey struct {
	group  group
	region string
}

func newPacers(p Pace) *pacers { return &pacers{pace: p, by: map[pacerKey]*rate.Limiter{}} }

func (p *pacers) perSecond(g group) float64 {
	switch g {
	case groupIAM:
		return p.pace.IAM
	case groupSTS:
		return p.pace.STS
	case groupWrites, groupCreate:
		return p.pace.SecretWrites
	case groupTags, groupVersions:
		return p.pace.SecretTags
	case groupReads:
		return p.pace.SecretReads
	}
	return 0
}

// wait returns when the request may be sent. Its error means that it is not.
func (p *pacers) wait(ctx context.Context, service, operation, region string) error {
	g := groupOf(service, operation)
	perSecond := p.perSecond(g)
	if perSecond <= 0 {
		return nil
	}
	if g == groupIAM {
		region = "" // one control plane for all Regions
	}
	p.mu.Lock()
	l := p.by[pacerKey{g, region}]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(perSecond), 1)
		p.by[pacerKey{g, region}] = l
	}
	p.mu.Unlock()
	return l.Wait(ctx)
}
