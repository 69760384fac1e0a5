package event

import (
	"strings"
	"time"
)

// Envelope is what the gateway knows about an event beside its bytes.
type Envelope struct {
	MessageID  string    // the id to show; "" keeps the event's own
	Type       string    // the type that the request's path stands for; "" keeps the event's own
	RequestIP  string    // the caller's address; "" if unknown
	ReceivedAt time.Time // when the request was accepted; must be set
}

// Enrich returns the event as RudderStack hands it on to destinations: with messageId, type, rudderId,
// receivedAt, request_ip (an event's own is kept) and the four times made to agree. A member that is there
// is replaced at its place, a missing one is added at the end; every other member keeps its bytes and its
// place. Of members with the same name only the last one's value is left.
func Enrich(e *Event, env Envelope) []byte {
	additions := additions(e, env)
	out := make([]byte, 0, len(e.Raw())+512)
	out = append(out, '{')
	for name, value := range e.value().Fields() {
		raw := value.Raw()
		for i := range additions {
			if a := &additions[i]; !a.done && name.Is(a.name) {
				a.done = true
				if a.value != "" {
					out = appendMember(out, name.Raw(), nil)
					out = appendText(out, a.value)
					raw = nil
				}
			}
		}
		if raw != nil {
			out = appendMember(out, name.Raw(), raw)
		}
	}
	for _, a := range additions {
		if !a.done && a.value != "" {
			out = appendMember(out, []byte(`"`+a.name+`"`), nil)
			out = appendText(out, a.value)
		}
	}
	return append(out, '}')
}

// addition is a member that Enrich writes.
type addition struct {
	name  string
	value string // "": nothing to write, what is there stays
	done  bool   // the event's own member has been dealt with
}

func additions(e *Event, env Envelope) []addition {
	messageID := env.MessageID
	if messageID == "" {
		messageID = e.MessageID()
	}
	ip := env.RequestIP
	if own := e.value().Get("request_ip"); own.Exists() && !own.IsNull() {
		ip = ""
	}
	times := timesOf(e, env.ReceivedAt)
	return []addition{
		{name: "messageId", value: messageID},
		{name: "type", value: env.Type},
		{name: "rudderId", value: RudderID(e.UserIDField(), e.AnonymousID())},
		{name: "receivedAt", value: format(times.received)},
		{name: "request_ip", value: ip},
		{name: "originalTimestamp", value: format(times.original)},
		{name: "sentAt", value: format(times.sent)},
		{name: "timestamp", value: format(times.happened)},
	}
}

// appendMember writes a member, or with a nil value its name only, with the comma that it needs before it.
func appendMember(out, name, value []byte) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, name...)
	out = append(out, ':')
	return append(out, value...)
}

// appendText writes s as a JSON string. What is not UTF-8 in it, such as a header can hold, becomes U+FFFD.
func appendText(out []byte, s string) []byte {
	const hex = "0123456789abcdef"
	s = strings.ToValidUTF8(s, "\ufffd")
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
