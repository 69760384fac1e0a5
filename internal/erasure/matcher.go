package erasure

import (
	"bytes"

	"tanker/event"
	"tanker/internal/journal"
)

// limits are bounds that every event passes which was ever accepted.
var limits = event.Limits{MaxBytes: 64 << 20, MaxDepth: 1000, MaxKeys: 1_000_000}

// matcher finds a user's events. Most others are passed over without being parsed.
type matcher struct {
	names  *nameSet
	parse  bool     // every event is to be parsed
	exact  [][]byte // texts, one of which an event of the user holds
	emails []email  // or one of these, in letters of any size
}

// email is an email in lower case, in two parts.
type email struct{ name, domain []byte }

// cheapNames is up to how many names looking for each is cheaper than parsing.
const cheapNames = 12

func newMatcher(names *nameSet) *matcher {
	m := &matcher{names: names, parse: names.len() > cheapNames}
	for _, set := range []map[string]bool{names.ids, names.anonymous} {
		for name := range set {
			m.exact = append(m.exact, []byte(name))
		}
	}
	for text := range names.emails {
		name, domain, isEmail := bytes.Cut([]byte(text), []byte("@"))
		if isEmail {
			m.emails = append(m.emails, email{name, domain})
		} else if text != FoldEmail(names.asked) { // that is looked for as it was asked for, or else as an id
			m.parse = true
		}
	}
	return m
}

// finds reports whether an event is the user's.
func (m *matcher) finds(e *journal.Entry) bool {
	if e.Erased() || !m.mayBe(e.Body) {
		return false
	}
	i, ok := identityOf(e)
	return ok && m.names.is(&i)
}

// identityOf reads whose a stored event is.
func identityOf(entry *journal.Entry) (Identity, bool) {
	e, err := event.Parse(entry.Body, limits)
	if err != nil {
		return Identity{}, false
	}
	return IdentityOf(e.WithType(entry.Type)), true
}

// mayBe reports whether an event may hold one of the names. To say no it must be sure: names may be written with escapes, and
// are cleaned of what cannot be seen.
func (m *matcher) mayBe(body []byte) bool {
	if m.parse {
		return true
	}
	for _, text := range m.exact {
		if bytes.Contains(body, text) {
			return true
		}
	}
	for _, c := range body {
		if c == '\\' || c >= 0x7f {
			return true
		}
	}
	for rest := body; len(m.emails) > 0; {
		at := bytes.IndexByte(rest, '@')
		if at < 0 {
			return false
		}
		for _, e := range m.emails {
			if at >= len(e.name) && len(rest)-at > len(e.domain) &&
				bytes.EqualFold(rest[at-len(e.name):at], e.name) && bytes.EqualFold(rest[at+1:at+1+len(e.domain)], e.domain) {
				return true
			}
		}
		rest = rest[at+1:]
	}
	return false
}
