package admin

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tanker/internal/config"
)

// tokenFile is the file in the data directory that says which token a server made for itself: it holds the hash.
const tokenFile = "admin-token"

// hashPrefix begins the file. What does not begin so is a token itself, as earlier versions kept it.
const hashPrefix = "sha256:"

type tokenHash [sha256.Size]byte

func hashToken(token string) tokenHash { return sha256.Sum256([]byte(token)) }

// TokenPath is where a server without a configured token keeps the hash of its own.
func TokenPath(dataDir string) string { return filepath.Join(dataDir, tokenFile) }

// readHash reads the hash of a token. plain says that the file holds the token itself. Error: os.ErrNotExist.
func readHash(path string) (hash tokenHash, plain bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return hash, false, fmt.Errorf("admin token: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return hash, false, fmt.Errorf("admin token: %s is empty; delete it, and the server makes a new one at its next start", path)
	}
	digits, hashed := strings.CutPrefix(text, hashPrefix)
	if !hashed {
		return hashToken(text), true, nil
	}
	decoded, err := hex.DecodeString(digits)
	if err != nil || len(decoded) != len(hash) {
		return hash, false, fmt.Errorf("admin token: %s is damaged; delete it, and the server makes a new one at its next start", path)
	}
	return tokenHash(decoded), false, nil
}

// writeHash replaces the file as a whole; only its owner can read it.
func writeHash(path string, hash tokenHash) error {
	if err := replaceFile(path, []byte(hashPrefix+hex.EncodeToString(hash[:])+"\n")); err != nil {
		return fmt.Errorf("admin token: %w", err)
	}
	return nil
}

// replaceFile writes beside the file first, so that a crash leaves the old one or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = bytes.NewReader(content).WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// newToken makes a token of 130 random bits.
func newToken() config.Secret { return config.NewSecret(rand.Text()) }
