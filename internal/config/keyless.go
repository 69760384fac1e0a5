package config

import "path/filepath"

// LoadWithoutSecrets reads the configuration file at path for a command that calls nobody: none of the keys
// that it names is looked up, and the environment changes nothing. The error is as Load's.
func LoadWithoutSecrets(path string) (*Config, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	c, found := Default(), newFindings(path)
	decode(data, c, found)
	c.anchor(filepath.Dir(path))
	c.validate(found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}
