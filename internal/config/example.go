package config

import _ "embed"

//go:embed example.yaml
var example []byte

// Example is a configuration file with every setting, explained. Its values are the defaults, but for its
// sources, destinations and renames.
func Example() []byte { return example }
