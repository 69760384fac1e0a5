package dead

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tanker/internal/journal"
)

func TestCauseLeavesOutWhatDiffers(t *testing.T) {
	for _, test := range []struct{ a, b string }{
		{`The email "alex@example.com" is not valid.`, `The email "kim+x@example.org" is not valid.`},
		{"user 4711 is unknown", "user u-17 is unknown"},
		{"no contact 5b3ee50e-1c8f-4bfc-8a3c-000000000000", "no contact 00000000-1c8f-4bfc-8a3c-aaaaaaaaaaaa"},
		{"given up after 14 attempts in 72h0m3s: no answer", "given up after 15  attempts in 72h1m0s:\nno answer"},
		{"bad token abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "bad token qwertzuiopasdfghjklyxcvbnmqwertzuiop"},
	} {
		if a, b := normalized(test.a), normalized(test.b); a != b || !strings.Contains(a, gap) {
			t.Errorf("%q and %q", a, b)
		}
	}
	for _, test := range []struct{ a, b string }{
		{`The field "plan" is required`, `The field "seats" is required`},
		{"email is missing", "id is missing"},
	} {
		if a, b := normalized(test.a), normalized(test.b); a == b || a != test.a {
			t.Errorf("%q and %q", a, b)
		}
	}
}

func TestCauseIsWhatRefinerSaid(t *testing.T) {
	for want, l := range map[string]journal.DeadLetter{
		"no luck":             {Answer: `{"message":"no luck"}`, Message: "refiner: POST /v1/track-event: 422: no luck"},
		"too often":           {Answer: `{"error":"too often"}`},
		"from the pipeline":   {Answer: `<html>`, Message: "from the pipeline"},
		"no answer in time":   {Message: "no answer in time"},
		"an object, not text": {Answer: `{"message":{"a":1}}`, Message: "an object, not text"},
	} {
		if got := causeOf(&l).Answer; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func FuzzNormalized(f *testing.F) {
	f.Add("user 4711 \x00\u202e<script> " + strings.Repeat("long", 100))
	f.Add("\xff\xfe 1")
	f.Fuzz(func(t *testing.T, text string) {
		got := normalized(text)
		if utf8.ValidString(text) && !utf8.ValidString(got) || len(got) > maxCause+2*maxWord || strings.ContainsFunc(got, differs) {
			t.Errorf("%q becomes %q", text, got)
		}
		if again := normalized(got); again != got && len(got) < maxCause {
			t.Errorf("%q becomes %q becomes %q", text, got, again)
		}
	})
}

// Each letter is in the group that its filter selects, and in no other.
func TestGroupsArePartsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := &memory{}
		for i := range rapid.IntRange(0, 40).Draw(t, "letters") {
			l := letter(fmt.Sprint("m", i), rapid.SampledFrom([]string{"u1", "u2"}).Draw(t, "user"), rapid.SampledFrom([]string{
				"user 1 unknown", "user 2 unknown", "no", "", "\u202eevil",
			}).Draw(t, "message"))
			l.Destination = rapid.SampledFrom([]string{"production", "testing"}).Draw(t, "destination")
			l.Reason = rapid.SampledFrom([]string{"refused_422", "retry_window_passed"}).Draw(t, "reason")
			l.At = l.At.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "at")) * time.Second)
			log.add(l)
		}
		f := Filter{}
		f.Destination = rapid.SampledFrom([]string{"", "production"}).Draw(t, "only")
		f.User = rapid.SampledFrom([]string{"", "u1"}).Draw(t, "of")
		groups, err := Count(t.Context(), log, f, nil)
		if err != nil || !groups.Complete || groups.More != 0 {
			t.Fatalf("%+v, %v", groups, err)
		}
		sum := 0
		for _, g := range groups.Groups {
			only := f
			only.Group, only.Limit = g.ID, 1000
			page, err := List(t.Context(), log, only)
			if err != nil || len(page.Letters) != g.Letters {
				t.Fatalf("group %+v has %d letters, %v", g, len(page.Letters), err)
			}
			first, last := page.Letters[0].At, page.Letters[0].At
			for _, l := range page.Letters {
				if l.At.Before(first) {
					first = l.At
				}
				if l.At.After(last) {
					last = l.At
				}
			}
			if !first.Equal(g.First) || !last.Equal(g.Last) {
				t.Fatalf("%+v: from %v to %v", g, first, last)
			}
			sum += g.Letters
		}
		all := f
		all.Limit = 1000
		if page, err := List(t.Context(), log, all); err != nil || len(page.Letters) != groups.Letters || sum != groups.Letters {
			t.Fatalf("%d letters, %d in groups, %d counted, %v", len(page.Letters), sum, groups.Letters, err)
		}
	})
}

func TestGroupsAreBounded(t *testing.T) {
	log := &memory{}
	const kinds = maxGroups + 100
	for i := range 2 * kinds {
		n := i % kinds
		word := string([]byte{'a' + byte(n/676), 'a' + byte(n/26%26), 'a' + byte(n%26)})
		log.add(letter("m", "u", word))
	}
	groups, err := Count(t.Context(), log, Filter{}, nil)
	if err != nil || len(groups.Groups) != maxGroups || groups.More != 200 || groups.Letters != 2*kinds {
		t.Errorf("%d groups, %d more of %d, %v", len(groups.Groups), groups.More, groups.Letters, err)
	}
}

func TestPages(t *testing.T) {
	log := &memory{}
	for i := range 7 {
		log.add(letter(fmt.Sprint("m", i), []string{"odd", "even"}[i%2], "no"))
	}
	f := Filter{}
	f.User, f.Limit = "odd", 2
	var ids []string
	for n := 0; ; n++ {
		page, err := List(t.Context(), log, f)
		if err != nil || n > 2 {
			t.Fatal(n, err)
		}
		for _, l := range page.Letters {
			ids = append(ids, l.MessageID)
		}
		if f.After = page.Next; f.After == 0 {
			break
		}
	}
	if got := strings.Join(ids, " "); got != "m0 m2 m4 m6" {
		t.Errorf("got %s", got)
	}
	log.err = errors.New("no")
	if _, err := Count(t.Context(), log, f, nil); !errors.Is(err, log.err) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkCount(b *testing.B) {
	log := &memory{}
	const letters = 100_000
	for i := range letters {
		log.add(letter("m", fmt.Sprint("u", i%5000), fmt.Sprintf("user %d has no luck with %q", i, []string{"a", "b", "c"}[i%3])))
	}
	b.ReportAllocs()
	for b.Loop() {
		if g, err := Count(b.Context(), log, Filter{}, func(Groups) error { return nil }); err != nil || g.Letters != letters {
			b.Fatal(g, err)
		}
	}
	b.ReportMetric(letters*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}
