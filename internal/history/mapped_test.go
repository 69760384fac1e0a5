package history_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/mapping"
)

// broken is a mapper with a bug.
type broken struct{}

func (broken) Map(*event.Event) (mapping.Call, error) { panic("a bug") }

func documented(t *testing.T) *mapping.Mapper {
	t.Helper()
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMap(t *testing.T) {
	m := documented(t)
	for _, test := range []struct {
		name, typ, body string
		mapper          history.Mapper
		want            history.Mapped
	}{
		{
			"a call", "track", `{"type":"page","userId":7,"event":"E"}`, m,
			history.Mapped{Type: "track", User: "7", Method: "POST", Path: "/v1/track-event", Body: []byte(`{"id":7,"event":"E"}`)},
		},
		{
			"the body's type", "", `{"type":"Identify","traits":{"email":"a@b.c"}}`, m,
			history.Mapped{Type: "identify", User: "a@b.c", Method: "POST", Path: "/v1/identify-user", Body: []byte(`{"email":"a@b.c"}`)},
		},
		{
			"nobody", "track", `{"anonymousId":"a","event":"E"}`, m,
			history.Mapped{Type: "track", User: "a", Kind: journal.Rejected, Reason: "no_identity"},
		},
		{
			"several calls", "track", `{"userId":"u","event":"E"}`, twice{m},
			history.Mapped{Type: "track", User: "u", Method: "POST", Path: "/v1/track-event", Body: []byte(`{"id":"u","event":"E"}`), Calls: 2},
		},
		{"no event", "track", `[`, m, history.Mapped{Type: "track", Kind: journal.Rejected, Reason: "malformed"}},
		{"a bug", "track", `{"userId":"u"}`, broken{}, history.Mapped{Type: "track", User: "u", Kind: journal.Dead, Reason: "mapping_failed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := history.Map(test.mapper, &journal.Entry{Type: test.typ, Body: []byte(test.body)})
			if got.Callable() != (got.Message == "") {
				t.Errorf("the message is %q", got.Message)
			}
			got.Message = ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEdit(t *testing.T) {
	for name, test := range map[string]struct{ typ, body, corrected, wantType string }{
		"the type stays":           {"identify", `{"type":"track"}`, `{"type":"track","userId":"u"}`, "identify"},
		"the type stays unsaid":    {"identify", `{}`, `{"userId":"u"}`, "identify"},
		"the type is corrected":    {"identify", `{"type":"track"}`, `{"type":"Group"}`, "group"},
		"the old one was no event": {"track", `[`, `{"type":"page"}`, "page"},
	} {
		t.Run(name, func(t *testing.T) {
			e := journal.Entry{Type: test.typ, Body: []byte(test.body)}
			if err := history.Edit(&e, []byte(" "+test.corrected+"\n")); err != nil {
				t.Fatal(err)
			}
			if e.Type != test.wantType || string(e.Body) != test.corrected {
				t.Errorf("got %s %s", e.Type, e.Body)
			}
		})
	}
	for _, bad := range []string{"", "[]", "{", `{"a":1} x`} {
		e := journal.Entry{Body: []byte("{}")}
		if err := history.Edit(&e, []byte(bad)); !errors.Is(err, history.ErrEvent) || string(e.Body) != "{}" {
			t.Errorf("%q: %v, %s", bad, err, e.Body)
		}
	}
}

// twice makes two calls of each event.
type twice struct{ history.Mapper }

func (m twice) Calls(_ context.Context, _ *journal.Entry, e *event.Event) ([]mapping.Call, error) {
	call, err := m.Map(e)
	return []mapping.Call{call, call}, err
}
