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
	groupStacks
)

// groupOf says which quota an operation counts against. What a person does by hand, once, counts against none.
func groupOf(service, operation string) group {
	switch service {
	case "iam":
		return groupIAM
	case "sts":
		return groupSTS
	case "cloudformation":
		return groupStacks
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
	mu   sync.Mutex
	pace Pace
	by   map[pacerKey]*pacer
	sent meter // what was let through
}

type pacerKey struct {
	group  group
	region string
}

func newPacers(p Pace) *pacers { return &pacers{pace: p, by: map[pacerKey]*pacer{}} }

func (p Pace) perSecond(g group) float64 {
	switch g {
	case groupIAM:
		return p.IAM
	case groupSTS:
		return p.STS
	case groupWrites, groupCreate:
		return p.SecretWrites
	case groupTags, groupVersions:
		return p.SecretTags
	case groupReads:
		return p.SecretReads
	case groupStacks:
		return p.Stacks
	}
	return 0
}

// set changes the pace for whoever comes to the front from now on. A pacer that stands keeps those in its queue.
func (p *pacers) set(pace Pace) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace
	for key, l := range p.by {
		if perSecond := pace.perSecond(key.group); perSecond > 0 {
			l.limit.SetLimit(rate.Limit(perSecond))
		}
	}
}

// wait returns when the request may be sent. Its error means that it is not.
func (p *pacers) wait(ctx context.Context, service, operation, region string) error {
	g := groupOf(service, operation)
	if g == groupIAM {
		region = "" // one control plane for all Regions
	}
	p.mu.Lock()
	perSecond := p.pace.perSecond(g)
	if perSecond <= 0 {
		p.mu.Unlock()
		return nil
	}
	l := p.by[pacerKey{g, region}]
	if l == nil {
		l = newPacer(perSecond)
		p.by[pacerKey{g, region}] = l
	}
	p.mu.Unlock()
	return l.wait(ctx)
}
