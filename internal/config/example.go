package config

import _ "embed"

//go:embed example.yaml
var exampleText string

// Example is a complete, commented file that loads. Lines that begin with # and no space are keys at their defaults.
func Example() string { return exampleText }
