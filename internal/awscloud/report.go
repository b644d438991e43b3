package awscloud

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// report is IAM's credential report: what every user's keys and password looked like when it was made. IAM makes one in four hours
// at most. It does not tell the ids of keys.
type report struct {
	at    time.Time
	users []reported // as IAM lists them, the root user among them
}

// reported is one row.
type reported struct {
	name, arn string
	created   time.Time
	console   scan.Fact
	keys      []reportedKey // of two at most: those that have anything on record
}

type reportedKey struct {
	active  bool
	rotated time.Time // when it was made; zero: not told
	used    rotation.LastUse
}

// rootUser is the root user's name in the report.
const rootUser = "<root_account>"

func (r *report) root() (reported, bool) {
	for _, u := range r.users {
		if u.name == rootUser {
			return u, true
		}
	}
	return reported{}, false
}

// How long to wait for a report that IAM is making, and between two questions.
const (
	reportPatience = 2 * time.Minute
	reportFirst    = time.Second
	reportMost     = 8 * time.Second
)

// credentialReport gives the report that IAM has, and has it made when there is none or it has expired.
func (a *Account) credentialReport(ctx context.Context) (*report, error) {
	asked, waited := false, time.Duration(0)
	for wait := reportFirst; ; wait = min(2*wait, reportMost) {
		out, state, err := a.getReport(ctx)
		if err != nil {
			return nil, err
		}
		switch {
		case state == "":
			return parseReport(out.Content, aws.ToTime(out.GeneratedTime).UTC())
		case state != inProgress && !asked:
			if err := a.generateReport(ctx); err != nil {
				return nil, err
			}
			asked = true
		case waited >= reportPatience:
			return nil, fmt.Errorf("IAM was still making the credential report after %s: scan again in a few minutes", waited)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the credential report: %w", ctx.Err())
		case <-time.After(wait):
			waited += wait
		}
	}
}

// The states in which there is no report to get.
const (
	inProgress = "in progress"
	notPresent = "not present"
	expired    = "expired"
)

func (a *Account) getReport(ctx context.Context) (out *iam.GetCredentialReportOutput, state string, err error) {
	c := &call{service: "iam", operation: "GetCredentialReport", region: a.Home(), target: "the account"}
	out, err = do(ctx, c, func(ctx context.Context) (*iam.GetCredentialReportOutput, error) {
		out, err := a.iam.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		var making *types.CredentialReportNotReadyException
		var absent *types.CredentialReportNotPresentException
		var old *types.CredentialReportExpiredException
		switch {
		case errors.As(err, &making):
			state = inProgress
		case errors.As(err, &absent):
			state = notPresent
		case errors.As(err, &old):
			state = expired
		default:
			return out, err
		}
		return nil, nil
	})
	return out, state, err
}

func (a *Account) generateReport(ctx context.Context) error {
	c := &call{service: "iam", operation: "GenerateCredentialReport", region: a.Home(), target: "the account"}
	_, err := do(ctx, c, func(ctx context.Context) (*iam.GenerateCredentialReportOutput, error) {
		return a.iam.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
	})
	return err
}

// parseReport reads the CSV. A report without the columns that are needed is an error: what it leaves out must not read as absent.
func parseReport(text []byte, at time.Time) (*report, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord, in.LazyQuotes = -1, true
	rows, err := in.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("the credential report cannot be read: it is not the CSV that IAM writes (%v)", err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, name := range []string{"user", "arn", "user_creation_time", "password_enabled", "access_key_1_active",
		"access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_2_active", "access_key_2_last_rotated",
		"access_key_2_last_used_date"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("the credential report cannot be read: it has no column %s", name)
		}
	}
	out := &report{at: at}
	for _, row := range rows[1:] {
		row, ok := mend(row, len(rows[0]))
		if !ok {
			return nil, fmt.Errorf("the credential report cannot be read: the row of %q has %d fields and not %d", row[0], len(row), len(rows[0]))
		}
		field := func(name string) string {
			if i, ok := column[name]; ok {
				return row[i]
			}
			return ""
		}
		u := reported{name: field("user"), arn: field("arn"), created: moment(field("user_creation_time")), console: scan.Unknown}
		switch field("password_enabled") {
		case "true", "TRUE":
			u.console = scan.Yes
		case "false", "FALSE":
			u.console = scan.No
		}
		for _, n := range []string{"access_key_1_", "access_key_2_"} {
			k := reportedKey{active: strings.EqualFold(field(n+"active"), "true"), rotated: moment(field(n + "last_rotated"))}
			k.used = rotation.LastUse{At: moment(field(n + "last_used_date"))}
			if !k.used.At.IsZero() {
				k.used.Service, k.used.Region = told(field(n+"last_used_service")), told(field(n+"last_used_region"))
			}
			if k.active || !k.rotated.IsZero() || !k.used.At.IsZero() {
				u.keys = append(u.keys, k)
			}
		}
		out.users = append(out.users, u)
	}
	return out, nil
}

// mend puts a row together whose user name has commas: the name is in the first two columns, and in as many pieces in each.
func mend(row []string, want int) ([]string, bool) {
	extra := len(row) - want
	if extra == 0 {
		return row, true
	}
	if extra < 0 || extra%2 != 0 {
		return row, false
	}
	n := 1 + extra/2
	name, arn := strings.Join(row[:n], ","), strings.Join(row[n:2*n], ",")
	return append([]string{name, arn}, row[2*n:]...), strings.HasSuffix(arn, "/"+name)
}

// moment is a time of the report; zero for "N/A", "no_information" and whatever else is none.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func told(s string) string { return applicable(aws.String(s)) }
