package config

// LoadWithoutSecrets reads the configuration file at path for a command that calls nobody: none of the keys
// that it names is looked up, and the environment changes nothing. The error is as Load's.
func LoadWithoutSecrets(path string) (*Config, error) {
	c, found := Default(), newFindings(path)
	if err := c.readFile(path, found); err != nil {
		return nil, err
	}
	c.readWorkspace(found)
	c.validate(found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// LoadForClient reads what a command needs to find a running server: the address of its admin API, its data
// directory and the configured token. Without a file at path the environment alone says it. Keys are not
// looked up.
func LoadForClient(path string, getenv func(string) string) (*Config, error) {
	c, found := Default(), newFindings(path)
	if path != "" {
		if err := c.readFile(path, found); err != nil {
			return nil, err
		}
	}
	c.override(getenv, found)
	c.readToken(secretReader{getenv, found})
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}
