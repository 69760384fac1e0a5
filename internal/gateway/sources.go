package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tanker/internal/journal"
)

// Source is one sender of events: a web site, an app, a server.
type Source struct {
	Name     string // unique; the journal and the metrics know the source by it
	WriteKey string // unique; what the SDK authenticates with
	Enabled  bool   // false: the source is known, its events are refused with 404
}

// sources is a fixed table of sources. It is replaced whole when the configuration changes.
type sources struct {
	byKey map[[sha256.Size]byte]source
	since time.Time // when the table was set
}

// source is what stays of a Source: the key itself is not kept, only its hash. Looking a key up by its hash also
// takes the same time however much of a key was guessed right.
type source struct {
	name    string
	enabled bool
}

// SetSources replaces the sources, at once and for all later requests. Until it is called the first time
// every event is answered with 503, because SDKs take 401 and 404 as final. The old sources stay if it
// returns an error.
func (g *Gateway) SetSources(list []Source) error {
	table := &sources{byKey: make(map[[sha256.Size]byte]source, len(list)), since: time.Now()}
	names := make(map[string]bool, len(list))
	for _, s := range list {
		if !journal.ValidName(s.Name) {
			return fmt.Errorf("source %q: want a name of 1 to 64 letters, digits, - and _", s.Name)
		}
		if s.WriteKey == "" {
			return fmt.Errorf("source %q: it has no write key", s.Name)
		}
		if names[s.Name] {
			return fmt.Errorf("source %q: there is another source of this name", s.Name)
		}
		hash := sha256.Sum256([]byte(s.WriteKey))
		if other, ok := table.byKey[hash]; ok {
			return fmt.Errorf("source %q: source %q has the same write key", s.Name, other.name)
		}
		names[s.Name] = true
		table.byKey[hash] = source{s.Name, s.Enabled}
	}
	g.sources.Store(table)
	return nil
}

var errLoading = errors.New("configuration is still loading")

// keyReader takes the write key out of a request, or says that there is none.
type keyReader func(*http.Request) (string, *refusal)

// headerKey reads the key from the user name. The password is ignored: SDKs leave it empty.
func headerKey(r *http.Request) (string, *refusal) {
	key, _, ok := r.BasicAuth()
	if !ok || key == "" {
		return "", noWriteKey
	}
	return key, nil
}

// queryKey reads the key from the URL's parameter writeKey.
func queryKey(r *http.Request) (string, *refusal) {
	if key := r.URL.Query().Get("writeKey"); key != "" {
		return key, nil
	}
	return "", noWriteKeyInQuery
}

// authenticate finds the source that a request's write key belongs to.
func (g *Gateway) authenticate(r *http.Request, keyOf keyReader) (string, *refusal) {
	s, refused := g.sourceOf(r, keyOf)
	if refused == nil && !s.enabled {
		return s.name, sourceDisabled
	}
	return s.name, refused
}

// sourceOf finds the source, also one that is disabled.
func (g *Gateway) sourceOf(r *http.Request, keyOf keyReader) (source, *refusal) {
	table := g.sources.Load()
	if table == nil {
		return source{}, unavailable.because(errLoading)
	}
	key, refused := keyOf(r)
	if refused != nil {
		return source{}, refused
	}
	s, ok := table.byKey[sha256.Sum256([]byte(key))]
	if !ok {
		return source{}, unknownWriteKey
	}
	return s, nil
}
