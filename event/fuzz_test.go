package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// seeds are inputs to begin with: what SDKs send, and what breaks parsers.
func seeds(f *testing.F) {
	f.Helper()
	f.Add(sample(f))
	for _, s := range []string{
		`{}`, ` { } `, `[]`, `null`, `{"a":1,"a":2}`, `{"a":[1,{"b":[2]}],"c":{"d":null}}`, `{"\u0061":"\ud83d\ude00"}`,
		`{"a":1e5,"b":-0.0,"c":12345678901234567890}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":1,}`,
		`{"batch":[{"type":"track"},{"type":"page","x":[{}]}]}`, `{"batch":{}}`, `{"batch":[1]}`, `{"batch":[],"b\u0061tch":[{}]}`,
		`{"messageId":"m","sentAt":"2026-11-22T10:00:00+01:00","timestamp":"1700000000","request_ip":null}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzParse checks that Parse takes exactly what the standard library does, and finds the same in it.
func FuzzParse(f *testing.F) {
	seeds(f)
	limits := Limits{MaxDepth: 1000, MaxKeys: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data, limits)
		valid := json.Valid(data) && utf8.Valid(data)
		switch {
		case errors.Is(err, ErrTooDeep):
			return
		case errors.Is(err, ErrSyntax) == valid:
			t.Fatalf("Parse: %v, but valid is %t", err, valid)
		case errors.Is(err, ErrNotObject) != (valid && bytes.TrimSpace(data)[0] != '{'):
			t.Fatalf("Parse: %v", err)
		case err != nil:
			return
		}
		if want := bytes.TrimSpace(data); !bytes.Equal(e.Raw(), want) {
			t.Fatalf("Raw() = %q, want %q", e.Raw(), want)
		}
		sameAsStandard(t, e.Get())
	})
}

// sameAsStandard compares a value, and all in it, with what encoding/json makes of its bytes.
func sameAsStandard(t *testing.T, v Value) {
	t.Helper()
	switch v.Kind() {
	case Object:
		var want map[string]json.RawMessage
		if err := json.Unmarshal(v.Raw(), &want); err != nil {
			t.Fatal(err)
		}
		count := 0
		for name, value := range v.Members() {
			count++
			if raw, ok := want[name]; !ok || !bytes.Equal(raw, value.Raw()) {
				t.Fatalf("member %q is %q, want %q", name, value.Raw(), raw)
			}
			if !bytes.Equal(v.Get(name).Raw(), value.Raw()) {
				t.Fatalf("Get(%q) = %q, want %q", name, v.Get(name).Raw(), value.Raw())
			}
			sameAsStandard(t, value)
		}
		if count != len(want) {
			t.Fatalf("%d members, want %d", count, len(want))
		}
	case Array:
		var want []json.RawMessage
		if err := json.Unmarshal(v.Raw(), &want); err != nil {
			t.Fatal(err)
		}
		for element := range v.Elements() {
			if len(want) == 0 || !bytes.Equal(element.Raw(), want[0]) {
				t.Fatalf("element %q, want %q", element.Raw(), want)
			}
			want = want[1:]
			sameAsStandard(t, element)
		}
		if len(want) != 0 {
			t.Fatalf("elements are missing: %q", want)
		}
	case String:
		var want string
		if err := json.Unmarshal(v.Raw(), &want); err != nil || v.Text() != want || !v.Is(want) {
			t.Fatalf("text %q, want %q (%v)", v.Text(), want, err)
		}
	}
}

// FuzzSplitBatch checks that a batch is split as the standard library splits it, and that its events are those
// that Parse makes of its parts.
func FuzzSplitBatch(f *testing.F) {
	seeds(f)
	limits := Limits{MaxDepth: 1000, MaxKeys: 1 << 20, MaxEvents: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := SplitBatch(data, limits)
		if errors.Is(err, ErrTooDeep) {
			return
		}
		want, wantErr := splitByStandard(data)
		if !errors.Is(err, wantErr) || len(events) != len(want) {
			t.Fatalf("SplitBatch: %d events, %v; want %d, %v", len(events), err, len(want), wantErr)
		}
		for i := range events {
			e, err := Parse(want[i], limits)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(events[i].Raw(), e.Raw()) || events[i].UserKey() != e.UserKey() || events[i].Type() != e.Type() {
				t.Fatalf("event %d is %q, want %q", i, events[i].Raw(), e.Raw())
			}
			if diff := cmp.Diff(members(e.Get()), members(events[i].Get())); diff != "" {
				t.Fatalf("event %d: -want +got\n%s", i, diff)
			}
		}
	})
}

func splitByStandard(data []byte) ([]json.RawMessage, error) {
	if !json.Valid(data) || !utf8.Valid(data) {
		return nil, ErrSyntax
	}
	var body map[string]json.RawMessage // of a name that occurs twice the last value counts here too
	if json.Unmarshal(data, &body) != nil {
		return nil, ErrEmptyBatch
	}
	raw := body["batch"]
	list := []json.RawMessage{raw}
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, ErrEmptyBatch
	case raw[0] == '[':
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	}
	for _, element := range list {
		if element[0] != '{' {
			return nil, ErrNotObject
		}
	}
	if len(list) == 0 {
		return nil, ErrEmptyBatch
	}
	return list, nil
}

// written are the members that Enrich writes.
var written = []string{"messageId", "type", "rudderId", "receivedAt", "request_ip", "originalTimestamp", "sentAt", "timestamp"}

// FuzzEnrich checks that Enrich touches only what it writes, writes times that agree, and has no more to do
// when it is done.
func FuzzEnrich(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data, Limits{})
		if err != nil {
			return
		}
		env := Envelope{MessageID: "m\"\n", Type: "track", RequestIP: "::1", ReceivedAt: received}
		out := Enrich(e, env)
		enriched, err := Parse(out, Limits{MaxBytes: len(out), MaxKeys: DefaultLimits().MaxKeys + len(written)})
		if err != nil {
			t.Fatalf("Enrich gave %q: %v", out, err)
		}
		if diff := cmp.Diff(untouched(e), untouched(enriched)); diff != "" {
			t.Fatalf("-before +after\n%s", diff)
		}
		if enriched.Get("messageId").Text() != env.MessageID || enriched.Type() != env.Type {
			t.Fatalf("Enrich gave %q", out)
		}
		for _, name := range []string{"receivedAt", "originalTimestamp", "sentAt", "timestamp"} {
			text := enriched.Get(name).Text()
			if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.Contains(text, ".") {
				t.Fatalf("%s is %q: %v", name, text, err)
			}
		}
		if again := Enrich(enriched, env); !bytes.Equal(again, out) {
			t.Fatalf("enriched twice:\n%s\n%s", out, again)
		}
	})
}

func untouched(e *Event) []member {
	var list []member
next:
	for _, m := range members(e.Get()) {
		for _, name := range written {
			if m.Name == name {
				continue next
			}
		}
		list = append(list, m)
	}
	return list
}
