package history_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/mapping"
)

// inspect looks at one event.
func inspect(t *testing.T, j *journal.Journal, destinations []history.Destination, at journal.Position) history.Inspected {
	t.Helper()
	found, err := history.Inspect(t.Context(), j, destinations, at, history.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestInspect(t *testing.T) {
	j := openJournal(t)
	a, b := openCursor(t, j, "a"), openCursor(t, j, "b")
	mapper := documented(t)
	waiting := history.Waiting{User: "u", InMemory: 2, First: journal.At(2, 0), Ahead: 1}
	both := []history.Destination{
		{Name: "a", Mapper: mapper, Merge: mapping.Merge},
		{Name: "b", Mapper: mapper, State: func() string { return "blocked" }, Waiting: func(_ context.Context, user string, at journal.Position) (history.Waiting, bool) {
			return waiting, user == "u" && at == journal.At(3, 0)
		}},
	}
	accept(t, j,
		`track {"userId":"u","event":"one"}`,
		`identify {"userId":"u","traits":{"a":1,"plan":"x"}}`,
		`identify {"userId":"u","traits":{"plan":"y"}}`,
		`track {"userId":"u","event":"two"}`,
		`screen {"userId":"u"}`)
	got := read(t, a, 5)
	now := time.Now().UTC().Truncate(time.Millisecond)
	finish(t, a, journal.Outcome{Position: got[0].Position, Kind: journal.Delivered, Attempts: 1, At: now})
	finish(t, a,
		journal.Outcome{Position: got[1].Position, Kind: journal.Delivered, Attempts: 2, At: now},
		journal.Outcome{Position: got[2].Position, Kind: journal.Delivered, At: now, CarriedBy: got[1].Position},
		journal.Outcome{Position: got[4].Position, Kind: journal.Filtered, Reason: "unsupported_type", At: now})
	finish(t, a, journal.Outcome{Position: got[3].Position, Kind: journal.Dead, Reason: "refused_422", Attempts: 1, At: now, Letter: &journal.DeadLetter{
		Destination: "a", Position: got[3].Position, MessageID: got[3].MessageID, Source: "web", Type: "track", Event: got[3].Body,
		Reason: "refused_422", Status: 422, Answer: "no", Call: []byte(`{"id":"u"}`), At: now,
		Attempts: []journal.Attempt{{At: now, Took: time.Second, Status: 422, Error: "no"}},
	}})

	carrier := inspect(t, j, both, got[1].Position)
	fate := carrier.Fates[0]
	if fate.Outcome != journal.Delivered || fate.Attempts != 2 || !fate.At.Equal(now) || !cmp.Equal(fate.Carried, []journal.Position{got[2].Position}) {
		t.Errorf("the carrier: %+v", fate)
	}
	if want := `{"id":"u","a":1,"plan":"y"}`; string(fate.Merged) != want {
		t.Errorf("the merged call is %s, want %s", fate.Merged, want)
	}
	if f := carrier.Fates[1]; f.Outcome != history.Pending || f.State != "blocked" || f.Waiting != nil {
		t.Errorf("at b: %+v", f)
	}
	if carrier.Stored.IsZero() || carrier.Name != "" || carrier.Type != "identify" {
		t.Errorf("the event: %+v", carrier.Traced)
	}
	var enriched struct{ MessageID, ReceivedAt, RudderID string }
	if err := json.Unmarshal(carrier.Enriched, &enriched); err != nil || enriched.MessageID != got[1].MessageID || enriched.ReceivedAt == "" || enriched.RudderID == "" {
		t.Errorf("enriched it is %s, %v", carrier.Enriched, err)
	}
	carried := inspect(t, j, both, got[2].Position)
	if f := carried.Fates[0]; f.Outcome != journal.Delivered || f.CarriedBy != got[1].Position || f.Merged != nil {
		t.Errorf("the carried event: %+v", f)
	}
	if f := carried.Fates[1]; f.Waiting == nil || !cmp.Equal(*f.Waiting, waiting) || f.Behind != waiting.First {
		t.Errorf("at b the carried event: %+v", f)
	}
	dead := inspect(t, j, both, got[3].Position).Fates[0]
	if dead.Outcome != journal.Dead || dead.Letter == nil || dead.Letter.Answer != "no" || len(dead.Letter.Attempts) != 1 || dead.Attempts != 1 {
		t.Errorf("the dead one: %+v", dead)
	}
	if f := inspect(t, j, both, got[4].Position).Fates[0]; f.Outcome != journal.Filtered || f.Message == "" {
		t.Errorf("the filtered one: %+v", f)
	}

	finish(t, b, outcomesOf(read(t, b, 5), journal.Delivered)...)
	if err := j.Tidy(t.Context(), time.Now().Add(30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	letter := inspect(t, j, both, got[3].Position)
	if len(letter.Fates) != 1 || letter.Fates[0].Letter == nil || !letter.Stored.IsZero() || letter.Name != "two" {
		t.Errorf("of a deleted event only the letter is left: %+v", letter)
	}
	for _, at := range []journal.Position{got[0].Position, journal.At(4, 9), journal.At(99, 0), 0} {
		if _, err := history.Inspect(t.Context(), j, both, at, history.InspectOptions{}); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("a deleted event at %s: %v", at, err)
		}
	}
}

func outcomesOf(entries []journal.Entry, kind journal.Kind) []journal.Outcome {
	outs := make([]journal.Outcome, len(entries))
	for i, e := range entries {
		outs[i] = journal.Outcome{Position: e.Position, Kind: kind, Attempts: 1, At: time.Now()}
	}
	return outs
}

// TestInspectParked looks at parked events, whose record says first that they are parked.
func TestInspectParked(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	destinations := []history.Destination{{Name: "a", Mapper: documented(t)}}
	accept(t, j, `track {"userId":"u","event":"one"}`, `track {"userId":"u","event":"two"}`)
	got := read(t, c, 2)
	if err := c.Park(t.Context(), []journal.Parking{{User: "u", Entries: got}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Unpark(t.Context(), "u", 2); err != nil {
		t.Fatal(err)
	}
	finish(t, c, outcomesOf(got[:1], journal.Delivered)...)
	if f := inspect(t, j, destinations, got[0].Position).Fates[0]; f.Outcome != journal.Delivered || !f.ParkedSince.IsZero() {
		t.Errorf("got %+v, want delivered", f)
	}
	if f := inspect(t, j, destinations, got[1].Position).Fates[0]; f.Outcome != history.Pending || f.ParkedSince.IsZero() {
		t.Errorf("got %+v, want pending and parked", f)
	}
}

// slow is a journal whose outcomes come in many batches before the one that is looked for.
type slow struct {
	*journal.Journal
	batches uint64
	read    int
}

func (s *slow) ReadOutcomes(ctx context.Context, scan journal.OutcomeScan, do func(journal.OutcomeBatch) error) error {
	for seq := scan.After + 1; seq <= s.batches; seq++ {
		s.read++
		b := journal.OutcomeBatch{Seq: seq, Stored: time.UnixMilli(int64(seq)), Outcomes: []journal.Outcome{{Position: journal.At(1000+seq, 0), Kind: journal.Delivered}}}
		if seq == s.batches {
			b.Outcomes[0].Position = journal.At(1, 0)
		}
		if err := do(b); errors.Is(err, journal.ErrStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// TestInspectGoesOn looks for an outcome that lies far behind its event.
func TestInspectGoesOn(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	accept(t, j, `track {"userId":"u","event":"one"}`)
	finish(t, c, outcomesOf(read(t, c, 1), journal.Delivered)...)
	s := &slow{Journal: j, batches: 50_000}
	destinations := []history.Destination{{Name: "other"}, {Name: "a", Mapper: documented(t)}}
	o := history.InspectOptions{Destination: "a"}
	for looks := 1; ; looks++ {
		before := s.read
		found, err := history.Inspect(t.Context(), s, destinations, journal.At(1, 0), o)
		if err != nil {
			t.Fatal(err)
		}
		f := found.Fates[0]
		if n := s.read - before; n > 20_010 {
			t.Errorf("one look reads %d batches", n)
		}
		if f.Outcome == journal.Delivered {
			if looks != 3 {
				t.Errorf("it took %d looks", looks)
			}
			return
		}
		if f.Outcome != history.Finished || f.Looked == nil || f.Looked.Batch <= o.After || f.Looked.At.IsZero() {
			t.Fatalf("got %+v", f)
		}
		o.After = f.Looked.Batch
	}
}

// findAll looks for all there is, a page at a time, each event in a line.
func findAll(t *testing.T, log history.Archive, destinations []history.Destination, o history.FindOptions) (lines []string, pages int) {
	t.Helper()
	for {
		found, err := history.Find(t.Context(), log, destinations, o)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		if len(found.Events) > o.Limit {
			t.Fatalf("%d events on a page", len(found.Events))
		}
		for _, e := range found.Events {
			line := fmt.Sprint(e.Position, " ", e.Name)
			for _, f := range e.Fates {
				line += fmt.Sprintf(" %s %s", f.Destination, f.Outcome)
			}
			lines = append(lines, line)
		}
		if o.Before = found.Before; o.Before == 0 {
			return lines, pages
		}
	}
}

func TestFind(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	destinations := []history.Destination{{Name: "a", Mapper: documented(t)}}
	of := func(user string, limit int) history.FindOptions {
		return history.FindOptions{Selection: history.Selection{User: user}, Limit: limit}
	}
	if lines, _ := findAll(t, j, destinations, of("u", 10)); lines != nil {
		t.Errorf("an empty journal holds %q", lines)
	}
	var want []string
	var entries []journal.Entry
	for n := range 90 {
		user := "u"
		if n%3 == 1 {
			user = "other"
		}
		entries = append(entries, journal.Entry{
			Source: "web", MessageID: fmt.Sprint("f", n), Type: "track", ReceivedAt: time.Now().UTC(),
			Body: fmt.Appendf(nil, `{"userId":%q,"event":"%d","context":{"traits":{"email":"%s@example.com"}}}`, user, n, user),
		})
	}
	for _, part := range [][]journal.Entry{entries[:40], entries[40:41], entries[41:]} {
		if err := j.Append(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	got := read(t, c, 90)
	finish(t, c, outcomesOf(got[:50], journal.Delivered)...)
	for n := 89; n >= 0; n-- {
		outcome := journal.Delivered
		if n >= 50 {
			outcome = history.Pending
		}
		if n%3 != 1 {
			want = append(want, fmt.Sprintf("%s %d a %s", got[n].Position, n, outcome))
		}
	}
	for _, limit := range []int{1, 7, 60, 1000} {
		for _, user := range []string{"u", "u@example.com"} {
			lines, pages := findAll(t, j, destinations, of(user, limit))
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("%s, %d at a time, on %d pages (-want +got):\n%s", user, limit, pages, diff)
			}
		}
	}
	found, err := history.Find(t.Context(), j, destinations, history.FindOptions{Selection: history.Selection{Message: "f40"}})
	if err != nil || len(found.Events) != 1 || found.Before != 0 || found.Oldest.IsZero() || found.Searched != 90 {
		t.Errorf("by its message id: %+v, %v", found, err)
	}
	if e := found.Events[0]; e.Event != nil || e.Fates[0].Mapping.Body != nil {
		t.Errorf("a list holds the event itself: %s", e.Event)
	}
}

// TestFindIsBounded has more events in the log than one look may cover.
func TestFindIsBounded(t *testing.T) {
	j := openJournal(t)
	batch := make([]journal.Entry, 1000)
	for n := range 400 {
		for i := range batch {
			batch[i] = journal.Entry{Source: "web", MessageID: fmt.Sprint("b", n, "-", i), Type: "track", ReceivedAt: time.Now(), Body: []byte(`{"userId":"crowd"}`)}
		}
		if n == 0 {
			batch[0].Body = []byte(`{"userId":"rare"}`)
		}
		if err := j.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	o := history.FindOptions{Selection: history.Selection{User: "rare"}, Limit: 10}
	looks := 0
	for {
		looks++
		found, err := history.Find(t.Context(), j, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		if found.Searched > 300_000 {
			t.Errorf("one look covers %d events", found.Searched)
		}
		if o.Before = found.Before; o.Before == 0 {
			if len(found.Events) != 1 || looks < 2 {
				t.Errorf("after %d looks: %+v", looks, found)
			}
			return
		}
	}
}

// listAll lists all there is, a page at a time, each event in a line.
func listAll(t *testing.T, log history.Archive, o history.ListOptions) (lines []string) {
	t.Helper()
	for {
		page, err := history.List(t.Context(), log, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			lines = append(lines, strings.TrimSpace(fmt.Sprint(e.Position, " ", e.Name, " ", e.User, " ", e.Reason)))
		}
		if o.Next = page.Next; o.Next == 0 {
			return lines
		}
	}
}

func TestList(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "a")
	other := openCursor(t, j, "other")
	var names []string
	for n := range 12 {
		accept(t, j, fmt.Sprintf(`track {"userId":"u%d","event":"e%d"}`, n%2, n))
		names = append(names, fmt.Sprintf("%d.0 e%d u%d", n+1, n, n%2))
	}
	got := read(t, c, 12)
	finish(t, other, outcomesOf(read(t, other, 12), journal.Delivered)...)
	reason := func(i int, reason string) journal.Outcome {
		return journal.Outcome{Position: got[i].Position, Kind: journal.Filtered, Reason: reason, At: time.Now()}
	}
	finish(t, c, reason(0, "consent"), reason(1, "message_type"))
	finish(t, c, outcomesOf(got[2:3], journal.Delivered)...)
	finish(t, c, reason(4, "consent"))
	finish(t, c, reason(3, "consent"))
	if err := c.Park(t.Context(), []journal.Parking{{User: "u1", Entries: []journal.Entry{got[5], got[7]}}, {User: "u0", Entries: []journal.Entry{got[6]}}}); err != nil {
		t.Fatal(err)
	}
	c.Defer(got[9].Position, journal.Retry{Attempts: 1, First: time.Now(), Next: time.Now().Add(time.Hour)})
	for name, test := range map[string]struct {
		o    history.ListOptions
		want []string
	}{
		"filtered":   {history.ListOptions{Kind: journal.Filtered}, []string{names[3] + " consent", names[4] + " consent", names[1] + " message_type", names[0] + " consent"}},
		"one reason": {history.ListOptions{Kind: journal.Filtered, Reason: "message_type"}, []string{names[1] + " message_type"}},
		"delivered":  {history.ListOptions{Kind: journal.Delivered}, names[2:3]},
		"dead":       {history.ListOptions{Kind: journal.Dead}, nil},
		"pending":    {history.ListOptions{Kind: history.Pending}, names[8:]},
		"retrying":   {history.ListOptions{Kind: history.Retrying}, names[9:10]},
		"of a user":  {history.ListOptions{Kind: journal.Parked, User: "u0"}, []string{names[6]}},
		"parked":     {history.ListOptions{Kind: journal.Parked}, []string{names[5], names[7], names[6]}},
	} {
		for _, limit := range []int{1, 3, 50} {
			test.o.Destination, test.o.Limit = "a", limit
			if diff := cmp.Diff(test.want, listAll(t, j, test.o), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, %d at a time (-want +got):\n%s", name, limit, diff)
			}
		}
	}
	for _, kind := range []journal.Kind{history.Pending, history.Retrying, journal.Parked} {
		if _, err := history.List(t.Context(), j, history.ListOptions{Destination: "nowhere", Kind: kind}); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s at a destination that is not there: %v", kind, err)
		}
	}
	finish(t, c, outcomesOf(got[8:], journal.Delivered)...)
	if err := j.Tidy(t.Context(), time.Now().Add(30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	page, err := history.List(t.Context(), j, history.ListOptions{Destination: "a", Kind: journal.Filtered})
	if err != nil || len(page.Events) != 4 || !page.Events[0].Gone || page.Events[0].Reason != "consent" {
		t.Errorf("of deleted events: %+v, %v", page, err)
	}
}
