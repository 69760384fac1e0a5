package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/internal/journal"
)

// events is a Log of which only the events can be read.
type events struct {
	Log
	all []journal.Entry
}

func (l events) Extent(context.Context) (uint64, uint64, error) { return 1, 1, nil }

func (l events) Scan(_ context.Context, _ journal.Scan, do func(journal.StoredPack) error) error {
	return do(journal.StoredPack{Seq: 1, Entries: slices.Clone(l.all)})
}

func logOf(bodies ...string) events {
	var l events
	for i, body := range bodies {
		kind, body, _ := strings.Cut(body, " ")
		l.all = append(l.all, journal.Entry{Position: journal.At(1, i), Type: kind, Body: []byte(body)})
	}
	return l
}

func quiet(Progress) error { return nil }

func TestNamesOfOneUser(t *testing.T) {
	for name, test := range map[string]struct {
		user   string
		log    []string
		want   Names
		shared Names
		err    error
	}{
		"an id leads to emails and anonymous ids": {
			"u1", []string{
				`track {"userId":"u1","anonymousId":"a1"}`, `identify {"userId":"u1","traits":{"email":"Ada@X.com"}}`,
				`identify {"anonymousId":"a2","traits":{"email":"ada@x.com"}}`, `track {"userId":"u2","anonymousId":"a3"}`,
			},
			Names{IDs: []string{"u1"}, Emails: []string{"ada@x.com", "u1"}, Anonymous: []string{"a1", "a2", "u1"}}, Names{}, nil,
		},
		"an email leads to its id, and that to the rest": {
			"ADA@x.com", []string{`identify {"userId":"u1","traits":{"email":"ada@x.com"}}`, `track {"userId":"u1","properties":{"email":"two@x.com"}}`},
			Names{IDs: []string{"ADA@x.com", "u1"}, Emails: []string{"ada@x.com", "two@x.com"}, Anonymous: []string{"ADA@x.com"}}, Names{}, nil,
		},
		"what others have too is left alone": {
			"u1", []string{
				`track {"userId":"u1","anonymousId":"kiosk","context":{"traits":{"email":"shop@x.com"}}}`,
				`track {"userId":"u2","context":{"traits":{"email":"shop@x.com"}}}`, `track {"userId":"u3","anonymousId":"kiosk"}`,
			},
			Names{IDs: []string{"u1"}, Emails: []string{"u1"}, Anonymous: []string{"u1"}},
			Names{Emails: []string{"shop@x.com"}, Anonymous: []string{"kiosk"}}, nil,
		},
		"an email of several ids is nobody's": {
			"shop@x.com", []string{`identify {"userId":"u1","traits":{"email":"shop@x.com"}}`, `identify {"userId":"u2","traits":{"email":"shop@x.com"}}`},
			Names{}, Names{}, errUnclear,
		},
		"an anonymous id leads nowhere": {
			"a1", []string{`track {"anonymousId":"a1"}`, `track {"anonymousId":"a1","userId":"u1"}`},
			Names{IDs: []string{"a1"}, Emails: []string{"a1"}, Anonymous: []string{"a1"}}, Names{}, nil,
		},
		"ids are numbers, and written with escapes": {
			"7", []string{`track {"userId":7,"anonymousId":"a1"}`, `track {"userId":"\u0037","anonymousId":"a2"}`, `track {"userId":77,"anonymousId":"a3"}`},
			Names{IDs: []string{"7"}, Emails: []string{"7"}, Anonymous: []string{"7", "a1", "a2"}}, Names{}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSearch(logOf(test.log...), newNameSet(test.user), quiet)
			err := s.run(t.Context())
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, s.names.list(), cmp.Transformer("", func(l []string) string { return strings.Join(l, " ") })); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.shared, s.shared.list(), cmp.Transformer("", func(l []string) string { return strings.Join(l, " ") })); diff != "" {
				t.Errorf("shared (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesAreNobodyElses finds names in random logs: none that is found is of an event that names somebody else as well.
func TestNamesAreNobodyElses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(kind string, most int) string {
			n := rapid.IntRange(0, most).Draw(rt, kind)
			if n == 0 {
				return ""
			}
			return fmt.Sprint(kind, n)
		}
		var bodies []string
		for range rapid.IntRange(1, 30).Draw(rt, "events") {
			id, mail, anonymous := pick("u", 4), pick("m", 4), pick("a", 4)
			if mail != "" {
				mail += rapid.SampledFrom([]string{"@x.com", "@X.COM"}).Draw(rt, "letters")
			}
			bodies = append(bodies, fmt.Sprintf(`track {"userId":%q,"anonymousId":%q,"context":{"traits":{"email":%q}}}`, id, anonymous, mail))
		}
		log := logOf(bodies...)
		names := newNameSet("u1")
		if err := newSearch(log, names, quiet).run(t.Context()); err != nil {
			rt.Fatal(err)
		}
		m := newMatcher(names)
		for i := range log.all {
			e := &log.all[i]
			identity, _ := identityOf(e)
			found := m.finds(e)
			if found != names.is(&identity) {
				rt.Errorf("%s: found is %v", e.Body, found)
			}
			if identity.ID == "u1" && !found {
				rt.Errorf("not found: %s", e.Body)
			}
			if identity.ID != "" && identity.ID != "u1" && found {
				rt.Errorf("somebody else's: %s, by %+v", e.Body, names.list())
			}
		}
	})
}
