// Package deploy makes what an AWS administrator needs to put keyturn into an account: the minimal identity policy of the
// rotator for one configuration, and the guardrail that keeps everybody else from the tags that keyturn's safety rests on.
//
// CreateAccessKey on a user equals becoming that user, so [RotatorPolicy] allows it for the chosen users only, by path, name
// or tag. Whoever may write the keyturn: tags of a secret can steer which key is deleted, and whoever may tag a user can put
// it into care: [GuardrailPolicy] denies both. The documents are the same for the same input, byte for byte.
package deploy
