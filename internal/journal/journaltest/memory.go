package journaltest

import (
	"bytes"
	"testing"

	"tanker/internal/journal"
)

func remembered(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c := openCursor(t, j, "d", "web")
	other := openCursor(t, j, "e", "web")
	recalled := func(c *journal.Cursor, want []byte) {
		t.Helper()
		if got, err := c.Recall(t.Context()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("recalled %.20q, %v, want %.20q", got, err, want)
		}
	}
	remember := func(data []byte) {
		t.Helper()
		if err := c.Remember(t.Context(), data); err != nil {
			t.Error(err)
		}
	}
	recalled(c, nil)
	mustAppend(t, j, entries("web", 0, 3))
	all := take(t, c, 3)
	finish(t, c, outcomes(journal.Delivered, "", all[:1]))
	large := bytes.Repeat([]byte("large"), 1<<20)
	remember([]byte("small"))
	recalled(c, []byte("small"))
	remember(large)
	recalled(c, large)
	recalled(other, nil)

	finish(t, other, outcomes(journal.Delivered, "", take(t, other, 3)))
	place = place.Crash(t)
	j = place.Open(t, nil)
	recalled(openCursor(t, j, "d", "web"), large)
	c = openCursorAfterRestart(t, place, j, "d", "web")
	recalled(c, large)

	finish(t, c, outcomes(journal.Delivered, "", take(t, c, 2)))
	recalled(c, nil)
	remember([]byte("again"))
	recalled(c, []byte("again"))
	if err := c.Remember(t.Context(), make([]byte, 8<<20)); err == nil {
		t.Error("more was remembered than fits")
	}
}
