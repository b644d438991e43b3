package conformance

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// verified makes an address that mail may come from.
func (t *T) verified() string {
	t.Helper()
	from := t.Name + "@example.com"
	_, err := t.SES.CreateEmailIdentity(t.ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &from})
	t.ok(err)
	if t.em.verify != nil {
		t.em.verify(from)
	}
	return from
}

func (t *T) send(from, to string) (*sesv2.SendEmailOutput, error) {
	return t.SES.SendEmail(t.ctx, &sesv2.SendEmailInput{
		FromEmailAddress: &from,
		Destination:      &sestypes.Destination{ToAddresses: []string{to}},
		Content: &sestypes.EmailContent{Simple: &sestypes.Message{
			Subject: &sestypes.Content{Data: aws.String("key rotated")},
			Body:    &sestypes.Body{Text: &sestypes.Content{Data: aws.String("é\nline two")}},
		}},
	})
}

const simulator = "success@simulator.amazonses.com"

// sesCases are about mail.
var sesCases = []Case{
	{Name: "mail from a known address is accepted", Run: func(t *T) {
		out, err := t.send(t.verified(), simulator)
		t.ok(err)
		equal(t, "message id present", aws.ToString(out.MessageId) != "", true)
	}},
	{Name: "mail from an unknown address is rejected", Run: func(t *T) {
		_, err := t.send(t.Name+"@unknown.example", simulator)
		t.refused(err, "MessageRejected 400")
	}},
	{Name: "an identity is there once", Run: func(t *T) {
		from := t.verified()
		_, err := t.SES.CreateEmailIdentity(t.ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &from})
		t.Differs("ses-identity-twice", func() { t.refused(err, "AlreadyExistsException 400") }, func() { t.ok(err) })
	}},
	{Name: "get of an identity", Run: func(t *T) {
		domain := t.Name + ".example.com"
		_, err := t.SES.CreateEmailIdentity(t.ctx, &sesv2.CreateEmailIdentityInput{EmailIdentity: &domain})
		t.ok(err)
		out, err := t.SES.GetEmailIdentity(t.ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &domain})
		t.Differs("rest-get-signature", func() {
			t.ok(err)
			equal(t, "kind", out.IdentityType, sestypes.IdentityTypeDomain)
		}, func() { t.crude("SignatureDoesNotMatch") })
	}},
	{Name: "get of an unknown identity", Run: func(t *T) {
		_, err := t.SES.GetEmailIdentity(t.ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(t.Name + ".unknown.example")})
		t.Differs("rest-get-signature", func() { t.refused(err, "NotFoundException 404") }, func() { t.crude("SignatureDoesNotMatch") })
	}},
	{Name: "the account tells its quota", NotMoto: "moto has no GetAccount of SES v2", Run: func(t *T) {
		out, err := t.SES.GetAccount(t.ctx, &sesv2.GetAccountInput{})
		t.ok(err)
		equal(t, "quota present", out.SendQuota != nil && out.SendQuota.Max24HourSend > 0, true)
	}},
}
