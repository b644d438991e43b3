package awssim

import (
	"fmt"
	"net/http"
)

// apiError is an error as AWS answers it: a code, an HTTP status and a message.
type apiError struct {
	code    string
	status  int
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{code: code, status: status, message: fmt.Sprintf(format, args...)}
}

func noSuchUser(name string) *apiError {
	return fail(404, "NoSuchEntity", "The user with name %s cannot be found.", name)
}

func noSuchKey(id string) *apiError {
	return fail(404, "NoSuchEntity", "The Access Key with id %s cannot be found.", id)
}

func validation(format string, args ...any) *apiError {
	return fail(400, "ValidationError", format, args...)
}

func invalidParameter(format string, args ...any) *apiError {
	return fail(400, "InvalidParameterException", format, args...)
}

func invalidRequest(format string, args ...any) *apiError {
	return fail(400, "InvalidRequestException", format, args...)
}

func noSuchSecret() *apiError {
	return fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

// codes of one meaning, in the words of IAM, STS, Secrets Manager and SES.
var wording = map[string]map[string]string{
	"AccessDenied": {"secretsmanager": "AccessDeniedException", "ses": "AccessDeniedException"},
	"Throttling":   {"secretsmanager": "ThrottlingException", "ses": "TooManyRequestsException"},
	"InvalidClientTokenId": {
		"secretsmanager": "UnrecognizedClientException", "ses": "UnrecognizedClientException",
	},
	"SignatureDoesNotMatch": {
		"secretsmanager": "InvalidSignatureException", "ses": "InvalidSignatureException",
	},
	"MissingAuthenticationToken": {
		"secretsmanager": "MissingAuthenticationTokenException", "ses": "MissingAuthenticationTokenException",
	},
	"IncompleteSignature": {
		"secretsmanager": "IncompleteSignatureException", "ses": "IncompleteSignatureException",
	},
	"ExpiredToken": {"secretsmanager": "ExpiredTokenException", "ses": "ExpiredTokenException"},
	"InvalidAction": {
		"secretsmanager": "UnknownOperationException", "ses": "UnknownOperationException",
	},
	"ValidationError": {"secretsmanager": "ValidationException"},
	"ServiceFailure": {
		"sts": "InternalFailure", "secretsmanager": "InternalServiceError", "ses": "InternalFailure",
	},
}

// statusOf is the HTTP status of an error code that a Fate asks for.
var statusOf = map[string]int{
	"AccessDenied": 403, "InvalidClientTokenId": 403, "SignatureDoesNotMatch": 403, "ExpiredToken": 403,
	"RegionDisabledException": 403, "ServiceFailure": 500, "InternalServiceError": 500,
	"InternalFailure": 500, "ServiceUnavailable": 503, "NoSuchEntity": 404, "LimitExceeded": 409,
	"EntityAlreadyExists": 409, "DeleteConflict": 409, "ConcurrentModification": 409,
	"TooManyRequestsException": 429,
}

var messageOf = map[string]string{
	"AccessDenied":         "User is not authorized to perform this action.",
	"Throttling":           "Rate exceeded",
	"InvalidClientTokenId": "The security token included in the request is invalid.",
	"ServiceFailure":       "The request processing has failed because of an unknown error, exception or failure.",
	"ServiceUnavailable":   "The request has failed due to a temporary failure of the server.",
}

// asked is the error for a code given in a Fate.
func asked(code string) *apiError {
	status, message := statusOf[code], messageOf[code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	if message == "" {
		message = "The request failed with " + code + "."
	}
	return &apiError{code: code, status: status, message: message}
}

// inWords puts e into the words of a service: JSON services have names of their own for the common
// errors, and Secrets Manager answers 400 where query services answer 403.
func (e *apiError) inWords(service string) *apiError {
	word, ok := wording[e.code][service]
	if !ok {
		return e
	}
	out := &apiError{code: word, status: e.status, message: e.message}
	switch {
	case service == "secretsmanager" && e.status < 500:
		out.status = 400
	case word == "TooManyRequestsException":
		out.status = 429
	}
	return out
}

// describe is the error body in the protocol of a service.
func (e *apiError) describe(service, requestID string) (contentType string, body []byte) {
	switch service {
	case "secretsmanager":
		var j jsonw
		j.open()
		j.str("__type", e.code)
		j.str("Message", e.message)
		j.close()
		return "application/x-amz-json-1.1", j.b
	case "ses":
		var j jsonw
		j.open()
		j.str("message", e.message)
		j.close()
		return "application/json", j.b
	}
	kind := "Sender"
	if e.status >= 500 {
		kind = "Receiver"
	}
	var x xmlw
	x.b = append(x.b, `<ErrorResponse xmlns="`+namespace(service)+`">`...)
	x.open("Error")
	x.text("Type", kind)
	x.text("Code", e.code)
	x.text("Message", e.message)
	x.close("Error")
	x.text("RequestId", requestID)
	x.close("ErrorResponse")
	return "text/xml", x.b
}
