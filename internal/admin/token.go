package admin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tanker/internal/config"
)

// tokenFile is the file in the data directory that holds the token a server made for itself.
const tokenFile = "admin-token"

// TokenPath is where a server without a configured token keeps its own.
func TokenPath(dataDir string) string { return filepath.Join(dataDir, tokenFile) }

// ReadToken reads a token from a file. Error: os.ErrNotExist.
func ReadToken(path string) (config.Secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config.Secret{}, fmt.Errorf("admin token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return config.Secret{}, fmt.Errorf("admin token: %s is empty; delete it, and the server makes a new one at its next start", path)
	}
	return config.NewSecret(token), nil
}

// EnsureToken reads the token from a file, or makes one there that only the file's owner can read.
func EnsureToken(path string) (config.Secret, error) {
	token, err := ReadToken(path)
	if !errors.Is(err, os.ErrNotExist) {
		return token, err
	}
	token = config.NewSecret(rand.Text())
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return config.Secret{}, fmt.Errorf("admin token: %w", err)
	}
	_, err = f.WriteString(token.Reveal() + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return config.Secret{}, fmt.Errorf("admin token: %w", err)
	}
	return token, nil
}
