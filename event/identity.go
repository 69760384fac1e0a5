package event

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"unicode"
)

// UserID is the id of the user: the first of userId, traits.userId, traits.id, context.traits.userId and
// context.traits.id that can identify someone. In a group call traits are the group's, so there only userId
// and the two of context.traits count. It is absent if there is none.
//
// A string identifies if it is more than blank, a number if it is not zero, and true does. Anything else is
// passed over: null, false, objects and arrays name nobody, and 0 stands for "not logged in" in practice.
func (e *Event) UserID() Value {
	if v := e.value().Get("userId"); IsID(v) {
		return v
	}
	if e.Type() != "group" {
		if v := idIn(e.Traits()); v.Exists() {
			return v
		}
	}
	return idIn(e.ContextTraits())
}

func idIn(traits Value) Value {
	if v := traits.Get("userId"); IsID(v) {
		return v
	}
	if v := traits.Get("id"); IsID(v) {
		return v
	}
	return Value{}
}

// Email is the user's address: the first of traits.email, context.traits.email and properties.email that is
// a string and more than blank. In a group call only context.traits.email counts. It is absent if there is none.
func (e *Event) Email() Value {
	group := e.Type() == "group"
	if v := e.Traits().Get("email"); !group && isText(v) {
		return v
	}
	if v := e.ContextTraits().Get("email"); isText(v) {
		return v
	}
	if v := e.Properties().Get("email"); !group && isText(v) {
		return v
	}
	return Value{}
}

// UserKey names the user whose events must stay in order: the user id, else the email, else the anonymous
// id, as text. It is "" if the event has none of them.
func (e *Event) UserKey() string {
	if v := e.UserID(); v.Exists() {
		return v.Text()
	}
	if v := e.Email(); v.Exists() {
		return v.Text()
	}
	return e.AnonymousID()
}

// IsID reports whether a value can identify a user or a group, as UserID describes it.
func IsID(v Value) bool {
	switch v.Kind() {
	case String:
		return isText(v)
	case Number:
		return !isZero(v.Raw())
	case Bool:
		return v.Raw()[0] == 't'
	default:
		return false
	}
}

// isText reports whether v is a string with something to see in it.
func isText(v Value) bool {
	if v.Kind() != String {
		return false
	}
	raw := v.Raw()
	if raw[1] > ' ' && raw[1] < 0x7f && raw[1] != '"' && raw[1] != '\\' {
		return true // the usual case, without decoding
	}
	return clean(v.Text()) != ""
}

// isZero reports whether a number has no digit but 0 before its exponent.
func isZero(number []byte) bool {
	for _, c := range number {
		if c == 'e' || c == 'E' {
			return true
		}
		if '1' <= c && c <= '9' {
			return false
		}
	}
	return true
}

// UserIDField is the member userId as text, cleaned of what cannot be seen. Unlike UserID it looks at nothing
// else, and takes numbers, booleans, objects and arrays as they are written.
func (e *Event) UserIDField() string { return clean(e.value().Get("userId").Text()) }

// AnonymousID is the member anonymousId, as UserIDField is userId.
func (e *Event) AnonymousID() string { return clean(e.value().Get("anonymousId").Text()) }

// MessageID is the member messageId, cleaned of what cannot be seen. It is "" if there is none or if it is
// no string.
func (e *Event) MessageID() string {
	v := e.value().Get("messageId")
	if v.Kind() != String {
		return ""
	}
	return clean(v.Text())
}

// Identified reports whether the event says who it is about, as RudderStack's gateway asks for it: by
// anonymousId or userId, or by being of the types extract and record, which need neither.
func (e *Event) Identified() bool {
	if t := e.Type(); t == "extract" || t == "record" {
		return true
	}
	return e.AnonymousID() != "" || e.UserIDField() != ""
}

// clean removes the characters that cannot be seen, then the space around what is left.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return strings.TrimSpace(strings.Map(visible, s))
		}
	}
	return strings.TrimSpace(s)
}

// visible is r, or -1 if r does not show. unicode.IsPrint knows of most; the others are letters, marks and
// symbols by their class and yet blank.
func visible(r rune) rune {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0', '\U0001d159':
		return -1
	}
	if !unicode.IsPrint(r) {
		return -1
	}
	return r
}

// NewMessageID returns a random UUID (version 4).
func NewMessageID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return uuid(id)
}

// RudderID is the id that RudderStack gives a user: the MD5 sum of "userId:anonymousId" in the form of a UUID
// of version 4, random though it is not.
func RudderID(userID, anonymousID string) string {
	return uuid(md5.Sum([]byte(userID + ":" + anonymousID)))
}

func uuid(id [16]byte) string {
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	out := make([]byte, 36)
	hex.Encode(out, id[:4])
	hex.Encode(out[9:], id[4:6])
	hex.Encode(out[14:], id[6:8])
	hex.Encode(out[19:], id[8:10])
	hex.Encode(out[24:], id[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out)
}
