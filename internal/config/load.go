package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is how large a configuration or key file may be.
const maxFile = 1 << 20

// Load reads the configuration file at path, or makes the configuration from the environment alone if
// path is empty. getenv is os.Getenv or a stand-in for it. The error is an *Error with everything that is
// wrong, or says why the file could not be read.
//
// Relative paths in the file are relative to the file's folder, so that it does not matter where a command
// is started.
func Load(path string, getenv func(string) string) (*Config, error) {
	c := Default()
	found := newFindings(path)
	if path == "" {
		c.fromEnvironment(getenv, found)
	} else {
		if err := c.readFile(path, found); err != nil {
			return nil, err
		}
	}
	c.override(getenv, found)
	c.readSecrets(getenv, found)
	c.readWorkspace(found)
	c.validate(found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Validate reports everything that is wrong with a configuration that was not loaded but put together,
// as an *Error.
func (c *Config) Validate() error {
	found := newFindings("")
	c.validate(found)
	return found.err()
}

// readFile reads the configuration file at path.
func (c *Config) readFile(path string, found *findings) error {
	data, err := readBounded(path)
	if err != nil {
		return err
	}
	decode(data, c, found)
	c.anchor(filepath.Dir(path))
	return nil
}

// readBounded reads a file that a person wrote.
func readBounded(path string) ([]byte, error) { return readUpTo(path, maxFile) }

// readUpTo reads a file of at most so many bytes.
func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, withoutPath(path, err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s: is larger than %s", path, Size(most))
	}
	return data, nil
}

// withoutPath writes a file's error as "path: what is wrong".
func withoutPath(path string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// anchor makes the file's relative paths relative to its folder.
func (c *Config) anchor(folder string) {
	paths := []*string{&c.DataDir, &c.TLS.CertFile, &c.TLS.KeyFile, &c.Admin.TokenFile, &c.Workspace.File,
		&c.Journal.CredentialsFile, &c.Journal.TLS.CAFile, &c.Journal.TLS.CertFile, &c.Journal.TLS.KeyFile}
	for i := range c.Sources {
		paths = append(paths, &c.Sources[i].WriteKeyFile)
	}
	for i := range c.Destinations {
		paths = append(paths, &c.Destinations[i].APIKeyFile, &c.Destinations[i].Transformation)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}

// readSecrets fetches the keys that the configuration names from files and the environment.
func (c *Config) readSecrets(getenv func(string) string, found *findings) {
	r := secretReader{getenv, found}
	c.readToken(r)
	for i := range c.Sources {
		s := &c.Sources[i]
		r.read(&s.WriteKey, fmt.Sprintf("sources[%d]", i), "write_key", s.WriteKeyEnv, s.WriteKeyFile)
	}
	for i := range c.Destinations {
		d := &c.Destinations[i]
		at := fmt.Sprintf("destinations[%d]", i)
		if !d.APIKey.IsZero() && found.file != "" {
			found.addf(at+".api_key", "an API key does not belong into the file: put it into an environment variable and name that with api_key_env, or into a file of its own and name that with api_key_file")
			continue
		}
		r.read(&d.APIKey, at, "api_key", d.APIKeyEnv, d.APIKeyFile)
	}
}

// readToken fetches the token of the admin API, if one is configured.
func (c *Config) readToken(r secretReader) {
	if token := strings.TrimSpace(r.getenv(envAdminToken)); token != "" {
		c.Admin.Token = NewSecret(token)
		return
	}
	r.read(&c.Admin.Token, "admin", "token", c.Admin.TokenEnv, c.Admin.TokenFile)
}

// secretReader fetches secrets, and notes those that are not where they should be.
type secretReader struct {
	getenv func(string) string
	found  *findings
}

// read fills secret, which the section at path calls by name, from the variable or the file that stands
// in for it. A secret without either stays as it is.
func (r secretReader) read(secret *Secret, path, name, variable, file string) {
	if count(!secret.IsZero(), variable != "", file != "") > 1 {
		r.found.addf(path, "%s is given in more than one way: keep one of %[1]s, %[1]s_env and %[1]s_file", name)
		return
	}
	switch {
	case variable != "":
		text := strings.TrimSpace(r.getenv(variable))
		if text == "" {
			r.found.addf(join(path, name+"_env"), "the environment variable %s is not set", variable)
		}
		*secret = NewSecret(text)
	case file != "":
		text, err := readBounded(file)
		if err != nil {
			r.found.addf(join(path, name+"_file"), "%v", err)
			return
		}
		if len(strings.TrimSpace(string(text))) == 0 {
			r.found.addf(join(path, name+"_file"), "%s is empty", file)
		}
		*secret = NewSecret(strings.TrimSpace(string(text)))
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
