package awscloud

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// User is an IAM user as discovery finds it.
type User struct {
	Name    string
	Path    string // with both slashes, "/" at least
	ID      string // IAM's unique id, AIDA…
	ARN     string
	Created time.Time
	Tags    map[string]string
	// Policies are the names of the managed policies that it has, its groups' included.
	Policies []string
	// Admin: it has administrator rights, and AdminWhy says by what ("the policy AdministratorAccess of its group ops").
	Admin    bool
	AdminWhy string
	// Allowed are the actions that all its policies together allow, its groups' included, as IAM compares them: in lower case,
	// sorted; a wildcard stays one. Nil: they could not all be read, which those that AWS manages never are.
	Allowed []string
}

// pageSize is the most that IAM gives at once.
const pageSize = 1000

// Users gives every user of the account, with tags and rights: one call per thousand users, groups and customer managed policies
// together, never one per user.
func (a *Account) Users(ctx context.Context) ([]User, error) {
	var users []types.UserDetail
	rights := newRights()
	in := &iam.GetAccountAuthorizationDetailsInput{
		Filter:   []types.EntityType{types.EntityTypeUser, types.EntityTypeGroup, types.EntityTypeLocalManagedPolicy},
		MaxItems: aws.Int32(pageSize),
	}
	for {
		c := &call{service: "iam", operation: "GetAccountAuthorizationDetails", region: a.Home(), target: "the account's users"}
		out, err := do(ctx, c, func(ctx context.Context) (*iam.GetAccountAuthorizationDetailsOutput, error) {
			return a.iam.GetAccountAuthorizationDetails(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		if out.UserDetailList == nil && out.GroupDetailList == nil && out.Policies == nil || out.IsTruncated && aws.ToString(out.Marker) == "" {
			return nil, c.lacks("list of users")
		}
		users = append(users, out.UserDetailList...)
		rights.add(out.GroupDetailList, out.Policies)
		if !out.IsTruncated {
			break
		}
		in.Marker = out.Marker
	}
	found := make([]User, 0, len(users))
	for _, d := range users { // after the last page: groups and policies come behind the users
		u := User{
			Name: aws.ToString(d.UserName), Path: aws.ToString(d.Path), ID: aws.ToString(d.UserId), ARN: aws.ToString(d.Arn),
			Created: aws.ToTime(d.CreateDate).UTC(), Tags: make(map[string]string, len(d.Tags)),
		}
		for _, t := range d.Tags {
			u.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if u.Path == "" {
			u.Path = "/"
		}
		u.Policies = rights.policies(d)
		u.AdminWhy = rights.administrator(d)
		u.Admin = u.AdminWhy != ""
		u.Allowed = rights.allowed(d)
		found = append(found, u)
	}
	return found, nil
}
