package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/history"
	"tanker/internal/journal"
)

func TestCalls(t *testing.T) {
	j := openJournal(t)
	c, other := openCursor(t, j, "production"), openCursor(t, j, "testing")
	accept(t, j,
		`track {"userId":"old","event":"e"}`,
		`track {"userId":"ada","event":"e"}`,
		`identify {"userId":"ada","traits":{"email":"ada@example.com"}}`,
		`identify {"traits":{"email":"bob@example.com"}}`,
		`screen {"userId":"ada"}`,
		`track {"userId":"cy","event":"e"}`,
		`track {"userId":"pending","event":"e"}`,
	)
	all := read(t, c, 7)
	now := time.Now().UTC().Truncate(time.Millisecond)
	outcome := func(i int, kind journal.Kind, attempts int, at time.Time) journal.Outcome {
		return journal.Outcome{Position: all[i].Position, Kind: kind, Attempts: attempts, At: at}
	}
	carried := outcome(2, journal.Delivered, 1, now)
	carried.CarriedBy = all[1].Position
	finish(t, c, outcome(0, journal.Delivered, 1, now.Add(-2*time.Minute)), outcome(4, journal.Filtered, 0, now))
	finish(t, c, outcome(3, journal.Delivered, 3, now.Add(-30*time.Second)), outcome(1, journal.Delivered, 1, now), carried)
	dead := outcome(5, journal.Dead, 1, now)
	dead.Letter = &journal.DeadLetter{Destination: "production", Position: all[5].Position, Event: []byte("{}"), At: now}
	finish(t, c, dead)
	finish(t, other, journal.Outcome{Position: read(t, other, 7)[6].Position, Kind: journal.Delivered, Attempts: 1, At: now})

	want := []history.Call{{User: "bob@example.com", At: now.Add(-30 * time.Second)}, {User: "ada", At: now}, {User: "cy", At: now}}
	destination := history.Destination{Name: "production", Mapper: documented(t)}
	for _, most := range []int{1, 2, 3, 100} {
		got, err := history.Calls(t.Context(), j, destination, history.CallsOptions{Since: now.Add(-time.Minute), Most: most})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[max(0, len(want)-most):], got); diff != "" {
			t.Errorf("at most %d: (-want +got)\n%s", most, diff)
		}
	}
}

func TestCallsAreBounded(t *testing.T) {
	j := openJournal(t)
	c := openCursor(t, j, "production")
	for i := range 50 {
		accept(t, j, fmt.Sprintf(`track {"userId":"u%d","event":"e"}`, i))
	}
	now := time.Now().UTC()
	for _, e := range read(t, c, 50) {
		finish(t, c, journal.Outcome{Position: e.Position, Kind: journal.Delivered, Attempts: 1, At: now})
	}
	destination := history.Destination{Name: "production", Mapper: documented(t)}
	calls, err := history.Calls(t.Context(), j, destination, history.CallsOptions{Since: now.Add(-time.Minute), Most: 7})
	if err != nil || len(calls) != 7 || calls[0].User != "u43" || calls[6].User != "u49" {
		t.Errorf("%+v, %v; want the last seven", calls, err)
	}
}
