package conformance

import "testing"

// difference is one thing that moto 5.2.5 is known to do otherwise than AWS.
type difference struct {
	id     string
	aws    string // what AWS does
	source string // where AWS says so: the operation's documentation in the service model, as the Go SDK prints it, or a page
	moto   string // what moto does
}

// differences is the whole table. A case names a row where it would otherwise fail on moto; a row nobody names fails the run.
var differences = []difference{
	// Who may call.
	{"auth-error-form", "refuses a caller in the error form of the service's protocol",
		"IAM API Reference, Making query requests: ErrorResponse holds one Error with Code and Message",
		"answers 403 with its own ErrorResponse/Errors/Error, which the SDKs cannot read, whatever the service"},
	{"json-auth-codes", "answers UnrecognizedClientException and InvalidSignatureException with 400",
		"Secrets Manager API Reference, Common Errors; AWS JSON 1.1 protocol (smithy.io)",
		"answers InvalidClientTokenId and SignatureDoesNotMatch as XML with 403"},
	{"inactive-key-works", "refuses calls signed with an inactive key",
		"iam UpdateAccessKey, Status: Inactive means that the key cannot be used",
		"never looks at the status of the key that signed"},
	{"session-of-nobody", "gives temporary credentials (ASIA…) that stand for the calling user",
		"sts GetSessionToken: the temporary credentials are based on the user whose credentials called the operation",
		"answers the documentation's example credentials, which it then does not know"},
	{"unsigned-request-fails", "answers an unsigned request with 403 MissingAuthenticationToken",
		"STS API Reference, Common Errors: MissingAuthenticationToken, 403",
		"breaks with 500"},
	{"presigned-url-fails", "takes a signature in the query as it takes one in a header",
		"IAM User Guide, Signature Version 4: authentication information in a header or in query parameters",
		"breaks with 500"},
	{"signatures-never-expire", "refuses a signature more than five minutes old or ahead",
		"IAM User Guide, Signature Version 4: a request must reach AWS within five minutes of its time stamp",
		"takes a signature of any age"},
	{"rest-get-signature", "grants a well signed GET",
		"IAM User Guide, Create a signed request: the hash of an empty payload is that of the empty string",
		"hashes something else for a GET without a body, and refuses the signature"},

	// Access keys.
	{"key-create-date-fraction", "gives CreateDate in whole seconds, the same in CreateAccessKey and ListAccessKeys",
		"iam CreateAccessKey and ListAccessKeys, sample responses",
		"gives CreateDate with microseconds"},
	{"keys-no-pages", "ListAccessKeys answers MaxItems keys at most, then IsTruncated and Marker",
		"iam ListAccessKeys: you can paginate the results using the MaxItems and Marker parameters",
		"answers all keys at once"},
	{"key-status-unchecked", "refuses a status that the model does not list",
		"iam StatusType: Active, Inactive, Expired",
		"stores any status"},
	{"key-id-length-unchecked", "refuses an access key id under 16 characters as malformed",
		"iam accessKeyIdType: length 16 to 128",
		"looks it up, and answers NoSuchEntity"},
	{"key-delete-any-owner", "DeleteAccessKey without UserName deletes only a key of the caller's",
		"iam DeleteAccessKey: if you do not specify a user name, IAM determines the user name based on the access key ID signing the request",
		"takes the user who owns the key to be deleted"},

	// Users and their tags.
	{"iam-max-items-unchecked", "refuses a MaxItems outside 1 to 1,000",
		"iam maxItemsType: range 1 to 1000",
		"takes any number, or none"},
	{"user-id-prefix", "gives user ids that begin with AIDA",
		"IAM User Guide, IAM identifiers: unique ID prefixes",
		"gives user ids of another form"},
	{"user-name-case", "does not tell user names apart by case",
		"iam CreateUser, UserName: names are not distinguished by case",
		"makes two users"},
	{"user-name-unchecked", "refuses user names and paths outside their pattern and length",
		"iam userNameType: [\\w+=,.@-]+, length 1 to 64; pathType: begins and ends with a slash",
		"takes any"},
	{"user-deleted-with-keys", "refuses to delete a user that has access keys",
		"iam DeleteUser: you must delete the items attached to the user manually, or the deletion fails",
		"deletes the user"},
	{"users-no-pages", "ListUsers answers MaxItems users at most, then IsTruncated and Marker",
		"iam ListUsers: you can paginate the results using the MaxItems and Marker parameters",
		"answers all users at once"},
	{"user-tags-no-pages", "ListUserTags answers MaxItems tags at most, then IsTruncated and Marker",
		"iam ListUserTags, MaxItems",
		"answers all tags at once"},
	{"user-tags-unlimited", "refuses a 51st tag on a user",
		"IAM and STS quotas: tags that can be attached to a user, 50",
		"adds it"},
	{"user-tag-unchecked", "refuses tag keys over 128 and values over 256 characters, and characters outside the pattern",
		"iam tagKeyType and tagValueType",
		"takes any on TagUser"},
	{"details-no-pages", "GetAccountAuthorizationDetails answers MaxItems entries at most, then IsTruncated and Marker",
		"iam GetAccountAuthorizationDetails: you can paginate the results using the MaxItems and Marker parameters",
		"answers all users at once"},

	{"report-without-root", "gives the root user the first row of a credential report",
		"IAM User Guide, Get credential reports: the root user is <root_account>, its password_enabled always not_supported",
		"has no row for the root user"},
	{"report-of-long-ago", "GetCredentialReport tells when the report was generated",
		"iam GetCredentialReport, GeneratedTime: the date and time when the credential report was created",
		"always tells the same day in 2015"},

	// Secrets: making and storing.
	{"secret-not-found-404", "answers every refusal with 400",
		"Secrets Manager API Reference, errors of each operation: ResourceNotFoundException, HTTP status code 400",
		"answers 404 where a secret, a version or a matching pair is not found"},
	{"secret-name-unchecked", "refuses names with other characters than letters, digits and /_+=.@-, or over 512",
		"secretsmanager CreateSecret, Name: can contain ASCII letters, numbers, and the characters /_+=.@-; NameType length 1 to 512",
		"takes any"},
	{"secret-two-values", "refuses SecretString and SecretBinary in one call",
		"secretsmanager CreateSecret: either SecretString or SecretBinary must have a value, but not both",
		"stores both"},
	{"secret-size-unchecked", "refuses a value over 65,536 bytes",
		"secretsmanager SecretStringType: length up to 65536",
		"takes any"},
	{"pending-value-overwritten", "refuses another value under an existing token, whatever the version's labels",
		"secretsmanager PutSecretValue, ClientRequestToken: you can't modify a secret version",
		"overwrites the value of a version that carries AWSPENDING"},

	// Secrets: versions and labels.
	{"describe-deprecated", "DescribeSecret lists versions with labels only",
		"secretsmanager DescribeSecret, VersionIdsToStages: versions that have staging labels attached",
		"lists versions without labels, too"},
	{"move-half-done", "a refused UpdateSecretVersionStage changes nothing",
		"secretsmanager UpdateSecretVersionStage, RemoveFromVersionId: … then the operation fails",
		"takes the label off the old version before it finds the new one missing"},
	{"current-taken-off", "refuses to take AWSCURRENT off without moving it",
		"Secrets Manager User Guide, What's in a secret: a secret always has a version labeled AWSCURRENT",
		"takes it off"},
	{"labels-on-two-versions", "refuses to move any label that is attached unless RemoveFromVersionId names its version",
		"secretsmanager UpdateSecretVersionStage: each staging label can be attached to only one version at a time",
		"checks only AWSCURRENT, and leaves other labels on both versions"},
	{"versions-always-deprecated", "ListSecretVersionIds leaves out versions without labels unless IncludeDeprecated",
		"secretsmanager ListSecretVersionIds, IncludeDeprecated",
		"always lists them"},
	{"versions-no-pages", "ListSecretVersionIds answers MaxResults versions at most, then NextToken",
		"secretsmanager ListSecretVersionIds, MaxResults",
		"answers all versions at once"},
	{"versions-arn", "ListSecretVersionIds names the secret's ARN",
		"secretsmanager ListSecretVersionIds, ARN: the ARN of the secret",
		"puts the name there"},
	{"versions-of-nothing", "ListSecretVersionIds of an unknown secret answers ResourceNotFoundException",
		"secretsmanager ListSecretVersionIds, errors",
		"breaks with 500"},

	// Secrets: tags, deletion, lists.
	{"secret-tags-unchecked", "refuses tags outside the rules: length, characters, the aws: prefix, 50 to a secret",
		"secretsmanager CreateSecret, Tags; Tag, TagKeyType and TagValueType; AWS General Reference, Service quotas for tagging",
		"takes any"},
	{"deleted-secret-changes", "refuses to store, promote or tag in a secret that is scheduled for deletion",
		"secretsmanager InvalidRequestException: the secret is scheduled for deletion",
		"does it"},
	{"deleted-name-exists", "answers InvalidRequestException when a name belongs to a secret scheduled for deletion",
		"Secrets Manager User Guide, Troubleshooting: a secret with this name is already scheduled for deletion",
		"answers ResourceExistsException"},
	{"secret-page-unchecked", "refuses a MaxResults over 100",
		"secretsmanager MaxResultsType: range 1 to 100",
		"takes any number"},
	{"secret-token-crash", "refuses a NextToken that it never gave with InvalidNextTokenException",
		"secretsmanager ListSecrets, errors: InvalidNextTokenException",
		"breaks with 500"},

	// SES.
	{"ses-identity-twice", "refuses to make an identity again",
		"sesv2 CreateEmailIdentity, errors: AlreadyExistsException",
		"does it"},
}

// TestDifferencesTable keeps the table whole: every row says who decides, once.
func TestDifferencesTable(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range differences {
		if seen[d.id] {
			t.Errorf("%s stands twice", d.id)
		}
		seen[d.id] = true
		if d.aws == "" || d.source == "" || d.moto == "" {
			t.Errorf("%s lacks what AWS does, its source, or what moto does", d.id)
		}
	}
}
