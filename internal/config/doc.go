// Package config reads keyturn.yaml: which users, which schedules, where the secrets are, and the bounds of every run.
//
// [Load] is strict: an unknown key, a wrong type, a value below its minimum or a schedule that cannot be kept is an [Error]
// that names file and line and says what to write instead. The environment changes nothing here; what the AWS SDK reads
// (credentials, AWS_REGION, AWS_ENDPOINT_URL) it reads itself, later.
//
// Defaults stand in [Default] and nowhere else. Meanings and minimums stand in one table (keys.go), from which come the
// checks, the JSON Schema of [Schema] and the documentation's table of [Table]. [Select] says which users are in care.
package config
