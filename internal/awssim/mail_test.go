package awssim_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/keyturn/keyturn/internal/awssim"
)

func TestMailInAndOutOfTheSandbox(t *testing.T) {
	w := awssim.New(awssim.Config{})
	c := rotator(t, w)
	send := func(to string) error {
		_, err := c.ses.SendEmail(bg, &sesv2.SendEmailInput{
			FromEmailAddress: aws.String("Keys <keys@example.com>"),
			Destination:      &types.Destination{ToAddresses: []string{to}},
			Content: &types.EmailContent{Simple: &types.Message{
				Subject: &types.Content{Data: aws.String("Grüße")},
				Body:    &types.Body{Text: &types.Content{Data: aws.String("hello")}},
			}},
		})
		return err
	}
	refused(t, send("a@corp.test"), "MessageRejected")
	must(c.ses.CreateEmailIdentity(bg, &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("keys@example.com")}))(t)
	got := must(c.ses.GetEmailIdentity(bg, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String("keys@example.com")}))(t)
	if got.VerifiedForSendingStatus || got.VerificationStatus != types.VerificationStatusPending {
		t.Fatalf("%+v", got)
	}
	w.People().VerifyIdentity("keys@example.com")
	if err := send("success@simulator.amazonses.com"); err != nil {
		t.Fatal(err)
	}
	refused(t, send("a@corp.test"), "MessageRejected")
	w.People().SetSandbox(false)
	if err := send("a@corp.test"); err != nil {
		t.Fatal(err)
	}
	account := must(c.ses.GetAccount(bg, nil))(t)
	if !account.ProductionAccessEnabled || account.SendQuota.SentLast24Hours != 2 {
		t.Fatalf("%+v", account)
	}
	if m := w.Mails(); len(m) != 2 || m[1].Subject != "Grüße" || m[1].To[0] != "a@corp.test" {
		t.Fatalf("%+v", m)
	}
	w.People().SetSendingPaused(true)
	refused(t, send("a@corp.test"), "SendingPausedException")
	_, err := c.ses.GetEmailIdentity(bg, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String("none@example.com")})
	refused(t, err, "NotFoundException")
}
