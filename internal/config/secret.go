package config

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be seen: it prints as dots wherever it is printed, logged or marshalled.
type Secret struct{ text string }

// dots is what is shown of a secret, whatever its length.
const dots = "••••••"

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text itself. Call it where the secret is used and nowhere else.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == "" }

// Equal compares in a time that does not tell how much of the two is equal.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(other.text)) == 1
}

// String is dots, or nothing if there is no secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return dots
}

// Format prints dots for every verb and flag of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is what package slog writes.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what JSON, YAML and XML write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
