package awssim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Mail is a message that SES took for delivery.
type Mail struct {
	ID, From, Subject string
	To, Cc, Bcc       []string
	Text, HTML        string
	Raw               []byte // the whole message, when it was sent raw
	At                time.Time
	Region            string
}

// inbox holds what SES knows: the account's standing and the mails that were taken.
type inbox struct {
	mu       sync.Mutex
	mails    []Mail
	verified map[string]bool // address or domain: verified, or awaiting that
	sandbox  bool
	paused   bool
	quota    int // recipients a day in the sandbox
	seen     uint64
	sent     []time.Time // one per recipient, of the last day
}

func (b *inbox) init() {
	b.verified, b.sandbox, b.quota = map[string]bool{}, true, 200
}

// Mails are the messages that SES took, oldest first.
func (w *World) Mails() []Mail {
	w.inbox.mu.Lock()
	defer w.inbox.mu.Unlock()
	return append([]Mail(nil), w.inbox.mails...)
}

// SetSandbox puts SES in or out of its sandbox, in which it starts: there only verified addresses and
// the mailbox simulator receive mail, 200 recipients a day.
func (p *People) SetSandbox(on bool) {
	b := &p.w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sandbox = on
	b.quota = 200
	if !on {
		b.quota = 50_000
	}
}

// SetSendingPaused makes SES refuse to send at all.
func (p *People) SetSendingPaused(paused bool) {
	p.w.inbox.mu.Lock()
	defer p.w.inbox.mu.Unlock()
	p.w.inbox.paused = paused
}

// VerifyIdentity completes the verification of an address or domain.
func (p *People) VerifyIdentity(identity string) {
	p.w.inbox.mu.Lock()
	defer p.w.inbox.mu.Unlock()
	p.w.inbox.verified[strings.ToLower(identity)] = true
}

func (x *exec) parseMail() {
	const identities = "/v2/email/identities"
	path := x.req.path
	switch {
	case x.req.method == http.MethodPost && path == "/v2/email/outbound-emails":
		x.op = &operation{name: "SendEmail", run: sendEmail}
	case x.req.method == http.MethodGet && path == "/v2/email/account":
		x.op = &operation{name: "GetAccount", run: getMailAccount}
	case x.req.method == http.MethodPost && path == identities:
		x.op = &operation{name: "CreateEmailIdentity", run: createEmailIdentity}
	case x.req.method == http.MethodGet && strings.HasPrefix(path, identities+"/"):
		x.op = &operation{name: "GetEmailIdentity", run: getEmailIdentity}
	}
	if x.op != nil {
		x.call.Operation = x.op.name
	}
}

type mailContent struct{ Data string }

type sendInput struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content          struct {
		Simple *struct {
			Subject mailContent
			Body    struct{ Text, Html mailContent }
		}
		Raw *struct{ Data []byte }
	}
}

// address is the bare address of "Name <address>".
func address(s string) string {
	if i := strings.LastIndexByte(s, '<'); i >= 0 {
		s = strings.TrimSuffix(s[i+1:], ">")
	}
	return strings.ToLower(strings.TrimSpace(s))
}

// may tells whether an address, or its domain, is verified.
func (b *inbox) may(addr string) bool {
	a := address(addr)
	return b.verified[a] || b.verified[a[strings.LastIndexByte(a, '@')+1:]]
}

func sendEmail(x *exec) *apiError {
	var in sendInput
	if err := json.Unmarshal(x.req.body, &in); err != nil {
		return fail(400, "BadRequestException", "The request body is not JSON: %v.", err)
	}
	d := in.Destination
	m := Mail{
		From: in.FromEmailAddress, To: d.ToAddresses, Cc: d.CcAddresses, Bcc: d.BccAddresses,
		At: x.now, Region: x.call.Region,
	}
	switch {
	case in.Content.Simple != nil:
		s := in.Content.Simple
		m.Subject, m.Text, m.HTML = s.Subject.Data, s.Body.Text.Data, s.Body.Html.Data
	case in.Content.Raw != nil:
		m.Raw = in.Content.Raw.Data
	default:
		return fail(400, "BadRequestException", "Content must hold a simple or a raw message.")
	}
	to := append(append(append([]string(nil), m.To...), m.Cc...), m.Bcc...)
	if len(to) == 0 || len(to) > 50 {
		return fail(400, "BadRequestException", "A message has 1 to 50 recipients.")
	}
	b := &x.w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.paused {
		return fail(400, "SendingPausedException", "Email sending is disabled for this account.")
	}
	refused := []string{}
	if !b.may(m.From) {
		refused = append(refused, m.From)
	}
	for _, a := range to {
		if !strings.Contains(a, "@") {
			return fail(400, "BadRequestException", "Illegal address %s", a)
		}
		if b.sandbox && !b.may(a) && !strings.HasSuffix(address(a), "@simulator.amazonses.com") {
			refused = append(refused, a)
		}
	}
	if len(refused) > 0 {
		return fail(400, "MessageRejected", "Email address is not verified. The following identities failed the check in region %s: %s",
			strings.ToUpper(x.call.Region), strings.Join(refused, ", "))
	}
	day := x.now.Add(-x.w.cfg.scaled(24 * time.Hour))
	for len(b.sent) > 0 && b.sent[0].Before(day) {
		b.sent = b.sent[1:]
	}
	if len(b.sent)+len(to) > b.quota {
		return fail(429, "TooManyRequestsException", "Daily message quota exceeded.")
	}
	for range to {
		b.sent = append(b.sent, x.now)
	}
	b.seen++
	m.ID = "0100" + x.w.draw(44, "0123456789abcdef", "mail", x.call.Region, b.seen)
	b.mails = append(b.mails, m)
	x.json.open()
	x.json.str("MessageId", m.ID)
	x.json.close()
	return nil
}

func getMailAccount(x *exec) *apiError {
	b := &x.w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	rate := 14.0
	if b.sandbox {
		rate = 1
	}
	x.json.open()
	x.json.flag("DedicatedIpAutoWarmupEnabled", false)
	x.json.str("EnforcementStatus", "HEALTHY")
	x.json.flag("ProductionAccessEnabled", !b.sandbox)
	x.json.flag("SendingEnabled", !b.paused)
	x.json.name("SendQuota")
	x.json.b = append(x.json.b, '{')
	x.json.number("Max24HourSend", float64(b.quota))
	x.json.number("MaxSendRate", rate)
	x.json.number("SentLast24Hours", float64(len(b.sent)))
	x.json.close()
	x.json.close()
	return nil
}

func identityType(identity string) string {
	if strings.Contains(identity, "@") {
		return "EMAIL_ADDRESS"
	}
	return "DOMAIN"
}

func createEmailIdentity(x *exec) *apiError {
	var in struct{ EmailIdentity string }
	if err := json.Unmarshal(x.req.body, &in); err != nil || in.EmailIdentity == "" {
		return fail(400, "BadRequestException", "EmailIdentity is missing.")
	}
	b := &x.w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	id := strings.ToLower(in.EmailIdentity)
	if _, ok := b.verified[id]; ok {
		return fail(400, "AlreadyExistsException", "Email identity %s already exist.", in.EmailIdentity)
	}
	b.verified[id] = false
	x.json.open()
	x.json.str("IdentityType", identityType(id))
	x.json.flag("VerifiedForSendingStatus", false)
	x.json.close()
	return nil
}

func getEmailIdentity(x *exec) *apiError {
	id, err := url.PathUnescape(strings.TrimPrefix(x.req.path, "/v2/email/identities/"))
	if err != nil {
		return fail(400, "BadRequestException", "The identity in the path is not well escaped.")
	}
	b := &x.w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	verified, ok := b.verified[strings.ToLower(id)]
	if !ok {
		return fail(404, "NotFoundException", "Email identity %s does not exist.", id)
	}
	status := "PENDING"
	if verified {
		status = "SUCCESS"
	}
	x.json.open()
	x.json.str("IdentityType", identityType(id))
	x.json.flag("FeedbackForwardingStatus", true)
	x.json.flag("VerifiedForSendingStatus", verified)
	x.json.str("VerificationStatus", status)
	x.json.close()
	return nil
}
