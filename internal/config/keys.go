package config

// key describes one key of the file. The list below is the only place where a key's meaning and minimum are written.
type key struct {
	Path    string // "verify.interval"; "*" stands for a name of the user's choice, "[]" for an entry of a list
	Meaning string
	Min     string // a value, or the path of another key; "" none
	Why     string // why not less, as the end of a sentence
	Default string // where no value of Default says it: what happens when the key is left out
}

var keys = []key{
	{Path: "region", Default: "the SDK's", Meaning: "the one AWS Region where secrets are kept and consumers are; short for `regions` with one entry"},
	{Path: "regions", Default: "the SDK's", Meaning: "the Regions where consumers are: a new key is verified in each, and the first holds the secrets"},
	{Path: "profile", Default: "the SDK's", Meaning: "profile of the AWS configuration files to take credentials from"},
	{Path: "endpoint_url", Default: "AWS", Meaning: "where AWS is spoken to instead, for a simulator; AWS_ENDPOINT_URL does the same"},

	{Path: "users", Default: "required", Meaning: "which IAM users are in care"},
	{Path: "users.include", Default: "required", Meaning: "users that match any entry; all of them must be asked for in so many words: `{name: \"*\"}`"},
	{Path: "users.include[].tag", Default: "any", Meaning: "IAM tag, `key=value` or `key` alone for any value; `*` and `?` are wildcards in the value"},
	{Path: "users.include[].path", Default: "any", Meaning: "IAM path and everything below it, such as `/service/`, or a pattern of whole paths with `*` and `?`"},
	{Path: "users.include[].name", Default: "any", Meaning: "IAM user name; `*` and `?` are wildcards"},
	{Path: "users.exclude", Default: "nobody", Meaning: "users that match any entry are left alone, whatever include says"},
	{Path: "users.exclude[].tag", Default: "any", Meaning: "as in include"},
	{Path: "users.exclude[].path", Default: "any", Meaning: "as in include"},
	{Path: "users.exclude[].name", Default: "any", Meaning: "as in include, whatever the name's case"},
	{Path: "administrators", Default: "none", Meaning: "names of users with administrator rights that may be rotated all the same; no wildcards, one by one"},
	{Path: "tag_prefix", Meaning: "prefix of the IAM tags that hold a user's own settings: `managed` (`false` opts out), `schedule`, `email`"},

	{Path: "schedule", Default: "10m, 12m, 15m", Meaning: "the schedule of every user that chooses no other; give all three ages or none"},
	{Path: "schedule.rotate_every", Meaning: "age at which a key is replaced, or a cron schedule of five fields"},
	{Path: "schedule.time_zone", Default: "UTC", Meaning: "time zone of the cron schedule, such as Europe/Berlin"},
	{Path: "schedule.deactivate_after", Meaning: "age at which a replaced key is made Inactive; what exceeds rotate_every is the grace in which both keys work"},
	{Path: "schedule.delete_after", Meaning: "age at which an Inactive key is deleted; until then it can be brought back"},
	{Path: "schedules", Default: "none", Meaning: "further schedules by name; a user takes one with the IAM tag `keyturn:schedule`, and only these names count"},
	{Path: "schedules.*", Default: "none", Meaning: "one named schedule"},
	{Path: "schedules.*.rotate_every", Default: "required", Meaning: "as in schedule"},
	{Path: "schedules.*.time_zone", Default: "UTC", Meaning: "as in schedule"},
	{Path: "schedules.*.deactivate_after", Default: "required", Meaning: "as in schedule"},
	{Path: "schedules.*.delete_after", Default: "required", Meaning: "as in schedule"},

	{Path: "secret", Default: "see below", Meaning: "the secret in AWS Secrets Manager that holds a user's key"},
	{Path: "secret.name", Meaning: "name of a user's secret: a Go template of .User, .Account and .Path"},
	{Path: "secret.kms_key_id", Default: "aws/secretsmanager", Meaning: "id, ARN or alias of the KMS key for secrets that keyturn makes"},
	{Path: "secret.tags", Default: "none", Meaning: "tags for secrets that keyturn makes, beside its own"},
	{Path: "secret.tags.*", Default: "none", Meaning: "one tag"},
	{Path: "secret.existing", Meaning: "a secret of that name which stands already may be taken into use; its other JSON fields are kept"},
	{Path: "secret.fields", Default: "see below", Meaning: "names of the JSON fields in the secret's value; \"\" leaves a field out"},
	{Path: "secret.fields.AccessKeyId", Meaning: "field of the access key id; cannot be left out"},
	{Path: "secret.fields.SecretAccessKey", Meaning: "field of the secret access key; cannot be left out"},
	{Path: "secret.fields.UserName", Meaning: "field of the IAM user's name"},
	{Path: "secret.fields.CreatedDate", Meaning: "field of the key's creation time, RFC 3339"},
	{Path: "secret.fields.Email", Meaning: "field of the owner's address, from the IAM tag `keyturn:email`"},
	{Path: "secret.fields.OldAccessKeyId", Meaning: "field of the id of the key that this one replaces"},

	{Path: "database", Meaning: "SQLite file of history, leases and recheck times; a relative path starts at this file's folder. Losing it loses history only"},

	{Path: "verify", Default: "see below", Meaning: "when a new key counts as working"},
	{Path: "verify.successes", Min: "1", Why: "nothing is promoted unverified", Meaning: "successful GetCallerIdentity calls in a row with the new key, in each Region"},
	{Path: "verify.interval", Min: "0", Meaning: "time between two of these calls"},
	{Path: "verify.timeout", Min: "5s", Why: "IAM needs seconds to make a new key known everywhere", Meaning: "ends one run's verification; the next run goes on with the same key"},
	{Path: "run_deadline", Min: "15s", Why: "a rotation takes nine calls and two verifications", Meaning: "no step of a run begins later than this after its first call"},
	{Path: "http_timeout", Min: "1s", Why: "an answer that comes late leaves the outcome unknown", Meaning: "time for one request to AWS"},
	{Path: "settle", Min: "10s", Why: "AWS may answer as if a change made seconds ago had not been made", Meaning: "after a change nobody looks at that user for so long"},
	{Path: "hopeless_after", Min: "run_deadline", Why: "a key must outlive the run that made it", Meaning: "a stored key that AWS definitely refuses for so long is given up and replaced"},
	{Path: "quarantine", Min: "run_deadline", Why: "the run that made the key may still be at work", Meaning: "a key whose secret was lost stays Inactive for so long before it is deleted"},
	{Path: "max_recheck", Min: "1m", Why: "each look costs two calls per user", Meaning: "longest time between two looks at a user: people change things in between"},
	{Path: "legacy_quiet", Min: "0", Meaning: "a key from before keyturn's care is retired once unused for so long"},
	{Path: "max_hold", Min: "0", Meaning: "a replaced key that is still in use is kept Active for so long beyond its time, at most"},
	{Path: "jitter", Min: "0%", Meaning: "each key's due time is put off by up to this share of rotate_every, so that a fleet spreads"},
	{Path: "concurrency", Min: "1", Why: "somebody has to do the work", Meaning: "users in work at once"},

	{Path: "pace", Default: "see below", Meaning: "requests per second that keyturn allows itself, per account and Region; 0 lifts a bound"},
	{Path: "pace.iam", Min: "0", Meaning: "IAM"},
	{Path: "pace.sts", Min: "0", Meaning: "STS"},
	{Path: "pace.secret_writes", Min: "0", Meaning: "CreateSecret, PutSecretValue and UpdateSecretVersionStage together; AWS allows 50"},
	{Path: "pace.secret_tags", Min: "0", Meaning: "TagResource and UntagResource together; AWS allows 50"},
	{Path: "pace.secret_reads", Min: "0", Meaning: "DescribeSecret, GetSecretValue and ListSecretVersionIds together"},
}
