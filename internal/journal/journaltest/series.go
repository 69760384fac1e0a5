package journaltest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seriesKept(t *testing.T, place Place) {
	j := place.Open(t, nil)
	large := bytes.Repeat([]byte("x"), 1<<20)
	for key, data := range map[string][]byte{"destination.d": []byte("old"), "source.web.node-1": large} {
		if err := j.PutSeries(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.PutSeries(t.Context(), "destination.d", []byte("new")); err != nil {
		t.Fatal(err)
	}
	crashed := place.Crash(t)
	closeJournal(t, j)
	j = crashed.Open(t, nil)
	all, err := j.AllSeries(t.Context())
	if diff := cmp.Diff(map[string][]byte{"destination.d": []byte("new"), "source.web.node-1": large}, all); diff != "" || err != nil {
		t.Errorf("%v (-kept +there): %s", err, diff)
	}
	if err := j.DropSeries(t.Context(), "source.web.node-1"); err != nil {
		t.Fatal(err)
	}
	if all, err = j.AllSeries(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d are there, %v; want 1", len(all), err)
	}
	if err := j.PutSeries(t.Context(), "destination.d", make([]byte, 9<<20)); err == nil {
		t.Error("more than fits into a message is kept")
	}
}
