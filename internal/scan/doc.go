// Package scan takes stock of an account's access keys: which rules they break, and where something better than a key would do.
//
// It is pure: package awscloud reads an [Inventory], the command line shows a [Result]. The rules are one ordered table ([Rules]), and so
// is the advice ([Advices]): these lists are the specification. What could not be read is never taken for "unused" or "absent": a rule
// that needs it answers unknown, and the result counts that.
package scan
