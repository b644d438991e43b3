package awssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

var stackOperations map[string]*operation

func init() {
	stackOperations = table(
		operation{name: "ListStacks", run: listStacks},
		operation{name: "ListStackResources", run: listStackResources},
	)
}

// stack is a CloudFormation stack: what it made, and whether it still stands.
type stack struct {
	region, name, id string
	created, deleted time.Time // deleted: zero while it stands
	resources        []stackResource
}

type stackResource struct{ logical, kind, physical string }

func (s *stack) status() string {
	if s.deleted.IsZero() {
		return "CREATE_COMPLETE"
	}
	return "DELETE_COMPLETE"
}

// stackPage cuts a list as CloudFormation does: a token for the next page, none at the end.
func (x *exec) stackPage(n int) (from, to int, fault *apiError) {
	if token := x.q.Get("NextToken"); token != "" {
		if _, err := fmt.Sscanf(token, "page-%d", &from); err != nil || from < 0 || from > n {
			return 0, 0, validation("Invalid NextToken.")
		}
	}
	size := 100
	if x.w.cfg.PageSize > 0 {
		size = min(size, x.w.cfg.PageSize)
	}
	return from, min(n, from+size), nil
}

func (x *exec) nextToken(to, n int) {
	if to < n {
		x.xml.text("NextToken", fmt.Sprintf("page-%d", to))
	}
}

// listStacks gives the stacks of a Region, the newest first, deleted ones included unless the filter leaves them out.
func listStacks(x *exec) *apiError {
	filter := x.members("StackStatusFilter", "")
	var all []*stack
	for _, s := range slices.Backward(x.w.stacks) {
		if s.region == x.call.Region && (len(filter) == 0 || slices.Contains(filter, s.status())) {
			all = append(all, s)
		}
	}
	from, to, fault := x.stackPage(len(all))
	if fault != nil {
		return fault
	}
	x.xml.open("StackSummaries")
	for _, s := range all[from:to] {
		x.xml.open("member")
		x.xml.text("StackId", s.id)
		x.xml.text("StackName", s.name)
		x.xml.date("CreationTime", s.created)
		if !s.deleted.IsZero() {
			x.xml.date("DeletionTime", s.deleted)
		}
		x.xml.text("StackStatus", s.status())
		x.xml.close("member")
	}
	x.xml.close("StackSummaries")
	x.nextToken(to, len(all))
	return nil
}

// listStackResources gives what a stack made, by the stack's name while it stands, or by its id.
func listStackResources(x *exec) *apiError {
	name := x.q.Get("StackName")
	at := slices.IndexFunc(x.w.stacks, func(s *stack) bool {
		return s.region == x.call.Region && (s.id == name || s.name == name && s.deleted.IsZero())
	})
	if at < 0 {
		return validation("Stack with id %s does not exist", name)
	}
	s := x.w.stacks[at]
	from, to, fault := x.stackPage(len(s.resources))
	if fault != nil {
		return fault
	}
	x.xml.open("StackResourceSummaries")
	for _, r := range s.resources[from:to] {
		x.xml.open("member")
		x.xml.text("LogicalResourceId", r.logical)
		x.xml.text("PhysicalResourceId", r.physical)
		x.xml.text("ResourceType", r.kind)
		x.xml.text("ResourceStatus", s.status())
		x.xml.date("LastUpdatedTimestamp", s.created)
		x.xml.close("member")
	}
	x.xml.close("StackResourceSummaries")
	x.nextToken(to, len(s.resources))
	return nil
}

// CreateStack makes a CloudFormation stack in a Region, which makes an access key of the user, and gives the key's id.
func (p *People) CreateStack(region, name, user string) (keyID string, err error) {
	keyID, _, err = p.CreateAccessKey(user)
	if err != nil {
		return "", err
	}
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	unique := uuid.NewSHA1(uuid.NameSpaceOID, []byte(w.draw(32, base32Upper, "stack", region+name, uint64(len(w.stacks)))))
	w.stacks = append(w.stacks, &stack{
		region: region, name: name, created: w.now(),
		id: strings.Join([]string{"arn:aws:cloudformation", region, w.cfg.Account, "stack/" + name + "/" + unique.String()}, ":"),
		resources: []stackResource{
			{"Group", "AWS::IAM::Group", name + "-group"}, {"Key", "AWS::IAM::AccessKey", keyID},
		},
	})
	return keyID, nil
}

// DeleteStack deletes a stack and the key that it made. CloudFormation goes on listing it, as deleted.
func (p *People) DeleteStack(region, name string) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.stacks, func(s *stack) bool { return s.region == region && s.name == name && s.deleted.IsZero() })
	if at < 0 {
		return validation("Stack with id %s does not exist", name)
	}
	s := w.stacks[at]
	s.deleted = w.now()
	for _, r := range s.resources {
		if k := w.keys[r.physical]; k != nil {
			w.removeKey(k, w.now())
		}
	}
	return nil
}
