package journaltest

import (
	"errors"
	"testing"

	"tanker/internal/journal"
)

// resend sends one event again to one of two destinations.
func resend(t *testing.T, place Place) {
	j := place.Open(t, nil)
	c, other := openCursor(t, j, "d", "web"), openCursor(t, j, "other", "web")
	mustAppend(t, j, entries("web", 0, 3))
	all := take(t, c, 3)
	finish(t, c, outcomes(journal.Delivered, "", all))
	refused := errors.New("no call")
	if err := j.Resend(t.Context(), "d", all[1].Position, func(*journal.Entry) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want what the function returned", err)
	}
	for range 2 { // as often as one likes
		if err := j.Resend(t.Context(), "d", all[1].Position, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, again := range take(t, c, 2) {
		if again.MessageID != "web-1" || again.ReplayOf != all[1].Position || again.Position <= all[2].Position || !again.ReceivedAt.Equal(all[1].ReceivedAt) {
			t.Errorf("it came as %+v", again)
		}
	}
	if s := status(t, c); s.Accepted != 5 || s.Pending != 2 {
		t.Errorf("then %+v", s)
	}
	if s := status(t, other); s.Accepted != 3 {
		t.Errorf("the other destination: %+v", s)
	}
	for _, at := range []journal.Position{journal.At(1, 3), journal.At(99, 0), 0} {
		if err := j.Resend(t.Context(), "d", at, nil); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("an event at %s: %v", at, err)
		}
	}
}
