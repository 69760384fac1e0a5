package server

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tanker/internal/config"
	"tanker/internal/journal"
)

// JournalOptions say where a configuration keeps its journal. On a cluster that takes a name for this process, which may be
// made here.
func JournalOptions(c *config.Config) (journal.Options, error) {
	j := c.Journal
	o := journal.Options{
		Dir:       filepath.Join(c.DataDir, "journal"),
		SyncEvery: j.Sync.Interval(),
		MaxBytes:  int64(j.MaxBytes),
		MinFree:   int64(j.MinFree),
		Retention: j.Retention,
	}
	if j.URL == "" {
		return o, nil
	}
	o.Cluster = journal.Cluster{
		URL: j.URL, Credentials: j.CredentialsFile, Replicas: j.Replicas,
		CAFile: j.TLS.CAFile, CertFile: j.TLS.CertFile, KeyFile: j.TLS.KeyFile,
	}
	var err error
	o.Writer, err = nodeName(c)
	return o, err
}

// nodeName is the name of this process among those on the cluster: the configured one, or one that is made at the first
// start and kept in the data directory.
func nodeName(c *config.Config) (string, error) {
	if c.Journal.Node != "" {
		return c.Journal.Node, nil
	}
	path := filepath.Join(c.DataDir, "node")
	text, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(text)); err == nil {
		if !journal.ValidName(name) {
			return "", fmt.Errorf("%s: %q is no name of a node: delete the file, or set journal.node", path, name)
		}
		return name, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("name of this node: %w", err)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	name := newNodeName()
	if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("name of this node: %w", err)
	}
	return name, nil
}

// newNodeName is the machine's name, as far as it can stand in a subject, and something that no other has.
func newNodeName() string {
	const most = 48
	host, _ := os.Hostname() // without one the rest has to do
	host = strings.Map(func(r rune) rune {
		if r < 0x80 && journal.ValidName(string(r)) {
			return r
		}
		return '-'
	}, cmp.Or(host, "tanker"))
	return host[:min(len(host), most)] + "-" + strings.ToLower(rand.Text()[:6])
}
