package refinertest

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
)

const minKey = 16 // shorter ones are taken for no key at all (assumed: the number)

// keyring knows the keys that are accepted.
type keyring struct {
	mu   sync.RWMutex
	all  bool // every well-formed key is accepted
	keys map[string]bool
}

func (k *keyring) set(all bool, keys []string) {
	accepted := make(map[string]bool, len(keys))
	for _, key := range keys {
		accepted[key] = true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all, k.keys = all, accepted
}

// state returns whether any well-formed key is accepted, and how many are by name.
func (k *keyring) state() (bool, int) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.all, len(k.keys)
}

// check returns the refusal of a key that is not accepted.
func (k *keyring) check(key string) (answer, bool) {
	k.mu.RLock()
	known, all := key != "" && k.keys[key], k.all
	k.mu.RUnlock()
	switch {
	case known:
		return answer{}, true
	case len(key) < minKey:
		return encoded(http.StatusUnauthorized, map[string]string{"error": "No API key found in headers"}), false
	case !wellFormed(key):
		return encoded(http.StatusUnauthorized, map[string]string{"error": "API key does not look valid"}), false
	case all:
		return answer{}, true
	}
	return encoded(http.StatusNotFound, map[string]string{"message": "API key not valid or does not exist"}), false
}

// wellFormed reports whether the key has only the characters that a Bearer token may have.
func wellFormed(key string) bool {
	for i := range len(key) {
		c := key[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-._~+/=", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// headerKey returns the key of an Authorization header, as a Bearer token or as the user name of Basic
// authentication.
func headerKey(h http.Header) string {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(h.Get("Authorization")), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(scheme) {
	case "bearer":
		return rest
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return ""
		}
		user, _, _ := strings.Cut(string(plain), ":")
		return user
	}
	return ""
}
