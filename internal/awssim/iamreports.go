package awssim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// getAccountAuthorizationDetails pages through users, then groups, then managed policies.
func getAccountAuthorizationDetails(x *exec) *apiError {
	filter := x.members("Filter", "")
	for _, f := range filter {
		if !slices.Contains([]string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}, f) {
			return validation("1 validation error detected: Value '[%s]' at 'filter' failed to satisfy constraint: "+
				"Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]", f)
		}
	}
	wants := func(kind string) bool { return len(filter) == 0 || slices.Contains(filter, kind) }
	w := x.w
	var names []string // with their section first, so that they ascend
	if wants("User") {
		for _, n := range w.userNames {
			names = append(names, "1"+n)
		}
	}
	if wants("Group") {
		for n := range w.groups {
			names = append(names, "2"+n)
		}
	}
	if wants("LocalManagedPolicy") {
		for arn := range w.policies {
			names = append(names, "3"+arn)
		}
	}
	slices.Sort(names)
	var sections [3]xmlw
	size, fault := x.pageSize(x.q.Get("MaxItems"), 100, 1000)
	if fault != nil {
		return fault
	}
	from, fault := x.marker()
	if fault != nil {
		return fault
	}
	i, found := slices.BinarySearch(names, from)
	if found {
		i++
	}
	end := min(len(names), i+size)
	if end < len(names) && end > 0 {
		x.setMarker(names[end-1])
	}
	for _, n := range names[i:end] {
		whole := x.xml
		x.xml = sections[n[0]-'1']
		x.xml.open("member")
		switch n[0] {
		case '1':
			x.writeUserDetail(w.users[n[1:]].state())
		case '2':
			g := w.groups[n[1:]]
			x.writeGroup(g)
			x.writeInline("GroupPolicyList", g.inline)
			x.writeAttached("AttachedManagedPolicies", g.attached)
		case '3':
			x.writePolicy(w.policies[n[1:]])
		}
		x.xml.close("member")
		sections[n[0]-'1'], x.xml = x.xml, whole
	}
	x.truncated()
	for n, element := range []string{"UserDetailList", "GroupDetailList", "Policies"} {
		x.xml.open(element)
		x.xml.b = append(x.xml.b, sections[n].b...)
		x.xml.close(element)
	}
	x.xml.open("RoleDetailList")
	x.xml.close("RoleDetailList")
	return nil
}

func (x *exec) writeUserDetail(u *userState) {
	x.writeUser(u)
	x.writeInline("UserPolicyList", u.inline)
	x.xml.open("GroupList")
	for _, g := range u.groups {
		x.xml.text("member", g)
	}
	x.xml.close("GroupList")
	x.writeAttached("AttachedManagedPolicies", u.attached)
	x.writeTags(u.tags)
}

func (x *exec) writeInline(element string, policies []inlinePolicy) {
	x.xml.open(element)
	for _, p := range policies {
		x.xml.open("member")
		x.xml.text("PolicyName", p.name)
		x.xml.text("PolicyDocument", escapeDocument(p.document))
		x.xml.close("member")
	}
	x.xml.close(element)
}

func (x *exec) writePolicy(p *managedPolicy) {
	x.xml.text("PolicyName", p.name)
	x.xml.text("PolicyId", p.id)
	x.xml.text("Arn", p.arn)
	x.xml.text("Path", "/")
	x.xml.text("DefaultVersionId", "v1")
	x.xml.flag("IsAttachable", true)
	x.xml.date("CreateDate", p.created)
	x.xml.open("PolicyVersionList")
	x.xml.open("member")
	x.xml.text("Document", escapeDocument(p.document))
	x.xml.text("VersionId", "v1")
	x.xml.flag("IsDefaultVersion", true)
	x.xml.date("CreateDate", p.created)
	x.xml.close("member")
	x.xml.close("PolicyVersionList")
}

// credentialReport is the account's last report: asked for, ready a moment later, good for four hours.
type credentialReport struct {
	asked time.Time
	body  []byte
}

const (
	reportLives = 4 * time.Hour
	reportTakes = time.Second
)

func generateCredentialReport(x *exec) *apiError {
	w := x.w
	state := "COMPLETE"
	age := x.now.Sub(w.report.asked)
	switch {
	case w.report.asked.IsZero() || age >= w.cfg.scaled(reportLives):
		state = "STARTED"
		w.report = credentialReport{asked: x.now, body: w.credentials()}
		x.xml.text("Description", "No report exists. Starting a new report generation task")
	case age < w.cfg.scaled(reportTakes):
		state = "INPROGRESS"
	}
	x.xml.text("State", state)
	return nil
}

func getCredentialReport(x *exec) *apiError {
	w := x.w
	age := x.now.Sub(w.report.asked)
	switch {
	case w.report.asked.IsZero():
		return fail(410, "ReportNotPresent", "No report exists. Call GenerateCredentialReport to generate one.")
	case age < w.cfg.scaled(reportTakes):
		return fail(404, "ReportInProgress", "The report is being generated. Try again later.")
	case age >= w.cfg.scaled(reportLives):
		return fail(410, "ReportExpired", "The report has expired. Call GenerateCredentialReport to generate a new one.")
	}
	x.xml.text("Content", base64.StdEncoding.EncodeToString(w.report.body))
	x.xml.text("ReportFormat", "text/csv")
	x.xml.date("GeneratedTime", w.report.asked)
	return nil
}

// credentials is the body of a report: one line for the root user and one per user, in the columns that concern access keys and the
// console password.
func (w *World) credentials() []byte {
	var b strings.Builder
	b.WriteString("user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed," +
		"password_next_rotation,mfa_active")
	for n := 1; n <= 2; n++ {
		fmt.Fprintf(&b, ",access_key_%d_active,access_key_%d_last_rotated,access_key_%d_last_used_date,"+
			"access_key_%d_last_used_region,access_key_%d_last_used_service", n, n, n, n, n)
	}
	b.WriteString(",cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n")
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
	w.rootCredentials(&b, stamp)
	for _, name := range w.userNames {
		u := w.users[name].state()
		fmt.Fprintf(&b, "%s,%s,%s,", u.name, w.userARN(u), stamp(u.created))
		if u.console.IsZero() {
			b.WriteString("false,no_information,N/A,N/A,false")
		} else {
			fmt.Fprintf(&b, "true,no_information,%s,N/A,false", stamp(u.console))
		}
		for n := range 2 {
			if n >= len(u.keys) {
				b.WriteString(",false,N/A,N/A,N/A,N/A")
				continue
			}
			k := w.keys[u.keys[n].id]
			fmt.Fprintf(&b, ",%t,%s", k.status == active, stamp(k.created))
			if k.used.at.IsZero() {
				b.WriteString(",N/A,N/A,N/A")
			} else {
				fmt.Fprintf(&b, ",%s,%s,%s", stamp(k.used.at), k.used.region, k.used.service)
			}
		}
		b.WriteString(",false,N/A,false,N/A\n")
	}
	return []byte(b.String())
}

func getAccountSummary(x *exec) *apiError {
	x.xml.open("SummaryMap")
	for _, e := range []struct {
		name string
		n    int
	}{
		{"Users", len(x.w.userNames)}, {"UsersQuota", 5000}, {"Groups", len(x.w.groups)},
		{"AccessKeysPerUserQuota", keysPerUser}, {"Policies", len(x.w.policies)},
	} {
		x.xml.open("entry")
		x.xml.text("key", e.name)
		x.xml.text("value", strconv.Itoa(e.n))
		x.xml.close("entry")
	}
	x.xml.close("SummaryMap")
	return nil
}
