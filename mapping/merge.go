package mapping

import (
	"bytes"

	"tanker/event"
)

// What a merged call holds at most. Larger calls are sent by themselves.
const (
	maxMerged      = 64 << 10 // bytes of its body
	maxMergedNames = 256      // traits, of the contact and of the account each
)

// Merge makes one call of two that follow each other and reports whether that has the same effect: the contact
// and its account are as they would be after first and then second, whatever they were before. Only identify-user calls
// of the Documented profile for the same user merge, and only as far as nothing depends on what Refiner leaves open; the
// rules are in docs/mapping.md. The result has first's id and email, and can be merged further.
func Merge(first, second Call) (Call, bool) {
	if !mergeable(first) || !mergeable(second) || len(first.Body)+len(second.Body) > maxMerged {
		return Call{}, false
	}
	a, errA := event.Parse(first.Body, event.Limits{})
	b, errB := event.Parse(second.Body, event.Limits{})
	if errA != nil || errB != nil || !sameUser(a.Get(), b.Get()) {
		return Call{}, false
	}
	account, ok := mergeAccounts(a.Get("account"), b.Get("account"))
	if !ok {
		return Call{}, false
	}
	body, ok := mergeMembers(a.Get(), b.Get(), parts{
		"id":      either(a.Get("id"), b.Get("id")),
		"email":   either(a.Get("email"), b.Get("email")),
		"account": account,
	})
	merged := first
	merged.Body = body
	return merged, ok
}

func mergeable(c Call) bool { return c.Method == post && c.Path == pathIdentify && !c.Form }

// sameUser reports whether two calls name the same contact in such a way that the second alone changes nothing of
// whom the first names. A call that brings an email which the one before lacks may make Refiner join two contacts: what
// the first call has cleared by then could come back.
func sameUser(a, b event.Value) bool {
	if !bytes.Equal(a.Get("id").Raw(), b.Get("id").Raw()) {
		return false
	}
	email := b.Get("email")
	return !email.Exists() || bytes.Equal(a.Get("email").Raw(), email.Raw())
}

func either(a, b event.Value) []byte {
	if a.Exists() {
		return a.Raw()
	}
	return b.Raw()
}

// mergeAccounts makes one account of those of two calls, nil if neither has one. Two merge if both say which account
// they mean, and mean the same.
func mergeAccounts(a, b event.Value) ([]byte, bool) {
	for _, v := range []event.Value{a, b} {
		if v.Exists() && v.Kind() != event.Object {
			return nil, false
		}
	}
	if !a.Exists() || !b.Exists() {
		return either(a, b), true
	}
	id := a.Get("id")
	if !event.IsID(id) || id.Kind() == event.Bool || !bytes.Equal(id.Raw(), b.Get("id").Raw()) {
		return nil, false
	}
	return mergeMembers(a, b, parts{"id": id.Raw()})
}

// parts are the members that are no traits, and the values they have in the merged object.
type parts map[string][]byte

// mergeMembers writes the members of a, those of b in their place where both have one, and then the others of b.
// It says no if the order of two traits might matter.
func mergeMembers(a, b event.Value, special parts) ([]byte, bool) {
	names := traitNames{special: special, seen: make(map[string]traitName)}
	if !names.add(a, 1) || !names.add(b, 2) {
		return nil, false
	}
	merged := newObject(len(a.Raw()) + len(b.Raw()))
	for name, value := range a.Fields() {
		key := name.Text()
		raw, isSpecial := special[key]
		if !isSpecial {
			raw = value.Raw()
			if later := b.Get(key); later.Exists() {
				if !replaces(value, later) {
					return nil, false
				}
				raw = later.Raw()
			}
		}
		merged = merged.add(string(name.Raw()), raw)
	}
	for name, value := range b.Fields() {
		key := name.Text()
		if a.Get(key).Exists() {
			continue
		}
		raw, isSpecial := special[key]
		if !isSpecial {
			raw = value.Raw()
		}
		merged = merged.add(string(name.Raw()), raw)
	}
	return merged.end(), true
}

// replaces reports whether nothing is left of a trait's value once a later one has been sent: both are the same, or
// both are text, numbers or truth values, or both are objects with the same names of which that holds in turn.
func replaces(value, later event.Value) bool {
	if bytes.Equal(value.Raw(), later.Raw()) || isPlain(value) && isPlain(later) {
		return true
	}
	if value.Kind() != event.Object || later.Kind() != event.Object {
		return false
	}
	names := 0
	for name, inner := range value.Members() {
		names++
		other := later.Get(name)
		if !other.Exists() || !replaces(inner, other) {
			return false
		}
	}
	for range later.Fields() {
		names--
	}
	return names == 0
}

func isPlain(v event.Value) bool {
	switch v.Kind() {
	case event.Bool, event.Number, event.String:
		return true
	default:
		return false
	}
}
