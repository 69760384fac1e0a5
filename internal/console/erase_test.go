package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// fakeErasures are the erasures of a fake server.
type fakeErasures struct {
	unclear string
	job     erasure.Erasure
	done    []string
}

// fakeErasing is the part of a fake server that has them.
type fakeErasing struct{ erasures *fakeErasures }

func (f *fakeErasing) Erasures() admin.Erasures { return f.erasures }

func (f *fakeErasures) Plan(_ context.Context, r erasure.Request, _ func(erasure.Progress) error) (erasure.Plan, error) {
	return erasure.Plan{
		Request: r, Events: 7, Searched: 100, Letters: 1, Unclear: f.unclear,
		Names: erasure.Names{IDs: []string{r.User}, Emails: []string{"<b>@x.com"}}, Shared: erasure.Names{Emails: []string{"shop@x.com"}},
		Destinations: []erasure.PlannedDestination{{Destination: "production", Contacts: []erasure.Contact{{UUID: "1", ID: "u1"}}}, {Destination: "off", Skipped: "it is switched off"}},
	}, nil
}

func (f *fakeErasures) Start(_ context.Context, r erasure.Request) (erasure.Erasure, error) {
	f.done = append(f.done, "erase "+r.User)
	return f.job, nil
}

func (f *fakeErasures) Lift(_ context.Context, id int) (erasure.Erasure, error) {
	f.done = append(f.done, fmt.Sprint("lift ", id))
	return f.job, nil
}

func (f *fakeErasures) Erasure(_ context.Context, id int) (erasure.Erasure, error) {
	if id != f.job.ID {
		return erasure.Erasure{}, fmt.Errorf("erasure %d: %w", id, journal.ErrNotFound)
	}
	return f.job, nil
}

func (f *fakeErasures) List(context.Context, string) ([]erasure.Erasure, error) {
	if f.job.ID == 0 {
		return nil, nil
	}
	return []erasure.Erasure{f.job}, nil
}

func TestErasingAUser(t *testing.T) {
	b := newBench(t).logIn(t)
	f := b.server.erasures
	if text := textOf(b.page(t, "/erasures")); !strings.Contains(text, "Nobody was erased.") {
		t.Error(text)
	}
	f.job = erasure.Erasure{
		ID: 3, State: erasure.Done, Created: time.Now(), Checked: time.Now(), Events: 7, Searched: 100,
		Destinations: []erasure.DestinationReport{{Destination: "production", Done: true, Deleted: 1}},
	}
	text := textOf(b.page(t, "/users/erase?user=u1"))
	for _, want := range []string{
		"Also known as <b>@x.com", "Not only the user’s, so kept shop@x.com", "7 events of 100, and 1 dead letter",
		"the contact is deleted ( u1 ), with its survey answers", "no contact is deleted: it is switched off", "Type u1 once more",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	const spaced = " u1 "
	for confirm, want := range map[string]int{"u2": http.StatusUnprocessableEntity, "": http.StatusUnprocessableEntity, spaced: http.StatusSeeOther} {
		if got := b.post(t, "/users/erase", url.Values{"user": {"u1"}, "confirm": {confirm}}); got.Code != want {
			t.Errorf("confirmed by %q: %d", confirm, got.Code)
		}
	}
	if got := b.ask("/users/erase", url.Values{"user": {"u1"}, "confirm": {"u1"}}); got.Code != http.StatusForbidden {
		t.Errorf("without a CSRF token: %d", got.Code)
	}
	text = textOf(b.page(t, "/erasures/3"))
	for _, want := range []string{"7 events blanked", "1 deleted, with survey answers", "nothing was found in 100 events", "Take events of this user again"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if got := b.post(t, "/erasures/3/lift", nil); got.Code != http.StatusSeeOther {
		t.Errorf("lift: %d", got.Code)
	}
	if got := fmt.Sprint(f.done); got != "[erase u1 lift 3]" {
		t.Error(got)
	}
	if log := b.log.String(); !strings.Contains(log, `what="erase user"`) || strings.Contains(log, "u1") {
		t.Errorf("the audit says %s", log)
	}
	for path, want := range map[string]int{"/erasures/4": 404, "/erasures/x": 404, "/users/erase": 400} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	f.unclear = "it is not clear who is meant"
	if text := textOf(b.page(t, "/users/erase?user=u1")); !strings.Contains(text, f.unclear) || strings.Contains(text, "once more") {
		t.Error(text)
	}
	f.job.State, f.job.Step, f.job.Reason, f.job.Share = erasure.Running, "erasing", "destination production: paused", 0.5
	if text := textOf(b.page(t, "/erasures")); !strings.Contains(text, "erasing : destination production: paused") && !strings.Contains(text, "erasing: destination production: paused") {
		t.Error(text)
	}
}
