package refiner

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

const dots = "••••••"

// APIKey is a REST API key. However it is printed, logged or encoded, it shows as dots: convert it to
// string where the key itself is needed.
type APIKey string

// String returns dots.
func (APIKey) String() string { return dots }

// Format writes dots for every verb.
func (APIKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(dots)) }

// MarshalText returns dots: JSON and YAML written from a struct with a key do not show it.
func (APIKey) MarshalText() ([]byte, error) { return []byte(dots), nil }

// LogValue returns dots.
func (APIKey) LogValue() slog.Value { return slog.StringValue(dots) }

// validate refuses what cannot be sent in a header. Whether the key is any good Refiner knows.
func (k APIKey) validate() error {
	if k == "" {
		return errors.New("refiner: no API key: it is found in Refiner under Settings, API")
	}
	for i := range len(k) {
		if k[i] < ' ' || k[i] == 0x7f {
			return errors.New("refiner: the API key contains a line break or another control character")
		}
	}
	return nil
}

// redactor replaces an API key in what comes from outside. It knows the key as it is, as a query
// shows it and as Basic authentication does.
type redactor [][]byte

func newRedactor(k APIKey) redactor {
	key := string(k)
	r := redactor{[]byte(key)}
	if escaped := url.QueryEscape(key); escaped != key {
		r = append(r, []byte(escaped))
	}
	return append(r, []byte(base64.StdEncoding.EncodeToString([]byte(key+":"))))
}

// bytes returns b itself if there is nothing to hide.
func (r redactor) bytes(b []byte) []byte {
	for _, secret := range r {
		if bytes.Contains(b, secret) {
			b = bytes.ReplaceAll(b, secret, []byte(dots))
		}
	}
	return b
}

// error returns err itself if there is nothing to hide.
func (r redactor) error(err error) error {
	text := err.Error()
	for _, secret := range r {
		text = strings.ReplaceAll(text, string(secret), dots)
	}
	if text == err.Error() {
		return err
	}
	return redacted{err, text}
}

// redacted stands for a cause whose text holds the key. It matches as the cause does, but does not
// hand it out by Unwrap.
type redacted struct {
	cause error
	text  string
}

func (r redacted) Error() string { return r.text }

func (r redacted) Is(target error) bool { return errors.Is(r.cause, target) }

func (r redacted) As(target any) bool { return errors.As(r.cause, target) }
