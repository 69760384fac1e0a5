package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tanker/internal/history"
	"tanker/internal/journal"
	"tanker/refiner"
)

// anEvent is an event with a fate at one destination.
func anEvent(fate history.Fate) history.Inspected {
	at := time.Now()
	if !fate.At.IsZero() {
		at = fate.At.Add(-time.Minute)
	}
	e := history.Inspected{
		Traced: history.Traced{
			Position: journal.At(17, 2), Source: "app", MessageID: "m-1", Type: "track", Name: "Order Done", ReceivedAt: at,
			Event: json.RawMessage(`{"userId":"u1","event":"Order Done"}`),
		},
		User: "u1", Stored: at, RequestIP: "10.0.0.7", Enriched: json.RawMessage(`{"userId":"u1","event":"Order Done","messageId":"m-1"}`),
	}
	fate.Destination = "refiner"
	if fate.Mapping.Reason == "" && fate.Mapping.Path == "" {
		fate.Mapping = history.Mapped{Type: "track", User: "u1", Method: "POST", Path: "/v1/track-event", Body: json.RawMessage(`{"id":"u1","event":"Order Done"}`)}
	}
	e.Fates = []history.Fate{fate}
	return e
}

func TestEventPage(t *testing.T) {
	now := time.Now()
	rejected := history.Mapped{Type: "track", Kind: journal.Rejected, Reason: "no_identity", Message: "nobody to call it for"}
	for name, test := range map[string]struct {
		fate history.Fate
		want []string
		not  []string
	}{
		"delivered": {
			history.Fate{Outcome: journal.Delivered, Attempts: 3, At: now},
			[]string{"Order Done", "10.0.0.7", "Delivered with its own call, at the 3rd attempt, 60 s after it was accepted", "POST /v1/track-event", "from userId", "Send again"},
			[]string{"Its dead letter", "configuration has changed", "Look further"},
		},
		"carried": {
			history.Fate{Outcome: journal.Delivered, At: now, CarriedBy: journal.At(17, 1)},
			[]string{"with the call of 17.1", "one call brought both"}, []string{"attempt"},
		},
		"carrier": {
			history.Fate{Outcome: journal.Delivered, Attempts: 1, At: now, Carried: []journal.Position{journal.At(17, 3), journal.At(18, 0)}, Merged: json.RawMessage(`{"id":"u1","merged":true}`)},
			[]string{"Its call brought other events too: 17.3 , 18.0", "The call for all of them", `"merged": true`, "not so in the event"}, nil,
		},
		"delivered, and would not be today": {
			history.Fate{Outcome: journal.Delivered, Attempts: 1, At: now, Mapping: rejected},
			[]string{"The configuration has changed since: today it would be rejected: nobody to call it for"}, []string{"Send again"},
		},
		"rejected": {
			history.Fate{Outcome: journal.Rejected, Reason: "no_identity", Message: "nobody to call it for", At: now, Mapping: rejected},
			[]string{"Meant for this destination", "Wanted here", "No call can be made of it nobody to call it for"}, []string{"Send again", "Event Call"},
		},
		"filtered": {
			history.Fate{Outcome: journal.Filtered, Reason: "consent", Message: "denied", At: now},
			[]string{"Not meant for this destination denied", "today it would become a call"}, []string{"Wanted here"},
		},
		"unchanged": {
			history.Fate{Outcome: journal.Filtered, Reason: "unchanged", At: now},
			[]string{"Not needed Refiner had got the very same call"}, []string{"configuration has changed"},
		},
		"for a reason of its own": {
			history.Fate{Outcome: journal.Filtered, Reason: "moon_phase", At: now},
			[]string{"Kept from this destination moon_phase"}, nil,
		},
		"dead": {
			history.Fate{Outcome: journal.Dead, Reason: "refused_422", At: now, Attempts: 1, Letter: &history.Letter{
				Method: "POST", Path: "/v1/track-event", Call: json.RawMessage(`{"id":"u1","was":1}`), Status: 422, Answer: `{"message":"too long"}`,
				Attempts: []journal.Attempt{{At: now, Took: 31 * time.Millisecond, Status: 422, Error: "too long"}},
			}},
			[]string{"Dead refused with 422 once", "The call that was made", `"was": 1`, "31 ms", "The last answer: 422", `"message": "too long"`, "Its dead letter"}, nil,
		},
		"waits for its turn": {
			history.Fate{Outcome: history.Pending, Waiting: &history.Waiting{InMemory: 1, Held: true, First: journal.At(17, 2)}},
			[]string{"Waits for its turn"}, nil,
		},
		"waits, for what is not known here": {history.Fate{Outcome: history.Pending}, []string{"Waits, or is on its way"}, []string{"nothing is wrong"}},
		"its call is made": {
			history.Fate{Outcome: history.Pending, Waiting: &history.Waiting{InMemory: 1, Held: true, Calling: true, First: journal.At(17, 2)}},
			[]string{"Its call is being made"}, []string{"Waits for its turn"},
		},
		"waits behind others, parked, at a blocked destination": {
			history.Fate{
				Outcome: history.Pending, State: "blocked: bad key", ParkedSince: now, Behind: journal.At(3, 0),
				Waiting: &history.Waiting{First: journal.At(3, 0), InMemory: 4, Parked: 9, Until: now.Add(time.Hour), Limited: true},
			},
			[]string{"The destination sends nothing blocked: bad key", "Moved out of the way", "Behind others of its user first comes 3.0", "Its user's limit is reached", "Before it comes 3.0"}, nil,
		},
		"tried again": {
			history.Fate{
				Outcome: history.Pending, Attempts: 2, FirstAttempt: now, NextAttempt: now.Add(time.Hour),
				Waiting: &history.Waiting{First: journal.At(17, 2), Held: true, Attempts: []journal.Attempt{{At: now, Status: 503, Error: "busy"}}},
			},
			[]string{"Failed so far tried 2 times", "Next attempt", "503", "busy"}, []string{"Waits for its turn"},
		},
		"looked for": {
			history.Fate{Outcome: history.Finished, Looked: &history.Looked{Batch: 99, At: now}},
			[]string{"is being looked for", "Look further"}, nil,
		},
		"forgotten": {history.Fate{Outcome: history.Unknown}, []string{"the record of how is deleted already"}, []string{"Look further"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t).logIn(t)
			b.server.event = anEvent(test.fate)
			root := b.page(t, "/events/17.2")
			text := textOf(root)
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q: %s", want, text)
				}
			}
			for _, not := range test.not {
				if strings.Contains(text, not) {
					t.Errorf("the page says %q: %s", not, text)
				}
			}
		})
	}
}

// TestEventPageLooksOn has a page look further for an outcome by itself, and by a link.
func TestEventPageLooksOn(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.event = anEvent(history.Fate{Outcome: history.Finished, Looked: &history.Looked{Batch: 99, At: time.Now()}})
	fate := find(b.page(t, "/events/17.2"), func(n *html.Node) bool { return attribute(n, "id") == "at-refiner" })
	on := attribute(fate, "hx-get")
	if on != "/events/17.2/at/refiner?after=99" {
		t.Fatalf("it looks further at %q", on)
	}
	b.header.Set("Hx-Request", "true")
	got := b.ask(on, nil)
	if want := (history.InspectOptions{Destination: "refiner", After: 99}); b.server.inspected != want || got.Code != 200 || strings.Contains(got.Body.String(), "<html") {
		t.Errorf("looked for %+v: %d", b.server.inspected, got.Code)
	}
	b.header = http.Header{}
	if got := b.ask(on, nil); !strings.Contains(got.Body.String(), "<html") {
		t.Error("without a script there is no page")
	}
	for path, want := range map[string]int{"/events/17.2/at/refiner?after=x": 400, "/events/17.2/send/refiner": 200} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	b.server.event.Fates = nil
	for path, want := range map[string]int{"/events/17.2/at/nowhere": 404, "/events/17.2/send/nowhere": 404, "/events/17.2": 200, "/events/1.0": 404, "/events/x": 404} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

func TestErasedEvent(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.event = history.Inspected{Traced: history.Traced{Position: journal.At(17, 2), Source: "app"}}
	if got := textOf(b.page(t, "/events/17.2")); !strings.Contains(got, "The event was erased") || !strings.Contains(got, "No destination gets this event") {
		t.Error(got)
	}
}

func TestResend(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.event = anEvent(history.Fate{Outcome: journal.Delivered, Attempts: 1, At: time.Now()})
	if got := textOf(b.page(t, "/events/17.2/send/refiner")); !strings.Contains(got, "Refiner counts it once more") || !strings.Contains(got, "POST /v1/track-event") {
		t.Errorf("it is asked: %s", got)
	}
	if len(b.server.resent) != 0 {
		t.Error("asking has sent it")
	}
	if got := b.ask("/events/17.2/send/refiner", url.Values{}); got.Code != http.StatusForbidden || len(b.server.resent) != 0 {
		t.Errorf("without a CSRF token: %d, %q", got.Code, b.server.resent)
	}
	got := b.post(t, "/events/17.2/send/refiner", nil)
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/events/17.2" || fmt.Sprint(b.server.resent) != "[refiner 17.2]" {
		t.Errorf("%d %v, %q", got.Code, got.Header(), b.server.resent)
	}
	if !strings.Contains(textOf(b.page(t, "/events/17.2")), "is sent to refiner again") {
		t.Error("nothing is said of it")
	}
	if log := b.log.String(); !strings.Contains(log, `what="send event again"`) || !strings.Contains(log, "position=17.2") || strings.Contains(log, "u1") {
		t.Errorf("log: %s", log)
	}
	b.server.resendErr = fmt.Errorf("%w: it would be rejected", history.ErrEvent)
	if got := b.post(t, "/events/17.2/send/refiner", nil); got.Code != http.StatusUnprocessableEntity || !strings.Contains(got.Body.String(), "it would be rejected") {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	b.server.event.Fates[0].Outcome = history.Pending
	if got := textOf(b.page(t, "/events/17.2/send/refiner")); !strings.Contains(got, "It is still pending") {
		t.Error(got)
	}
}

func TestEventPagesAreHarmless(t *testing.T) {
	for i, text := range hostileTexts {
		b := newBench(t).logIn(t)
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		body := json.RawMessage(fmt.Sprintf(`{"userId":%s,"event":%s,%s:[%s]}`, quoted, quoted, quoted, quoted))
		if len(text) > 1000 {
			body = json.RawMessage(fmt.Sprintf(`{"userId":%s}`, quoted))
		}
		e := anEvent(history.Fate{
			Outcome: journal.Dead, Reason: text, Message: text, State: text, At: time.Now(),
			Letter: &history.Letter{Method: text, Path: text, Call: body, Answer: text, Attempts: []journal.Attempt{{Error: text}}},
		})
		e.Type, e.Name, e.User, e.MessageID, e.RequestIP, e.Event, e.Enriched = text, text, text, text, text[:min(len(text), 60)], body, body
		b.server.event = e
		b.server.found = history.Found{Events: []history.Traced{e.Traced}}
		summary := history.Summary{Position: e.Position, Type: text, Name: text, User: text, Source: "app"}
		b.server.list = history.Page{Events: []history.Listed{{Summary: summary, Reason: text, Waits: text, At: time.Now()}}}
		b.server.destinations = []string{"refiner"}
		b.server.waiting = map[string]history.Waiting{"refiner " + text: {InMemory: 1, User: text}}
		b.server.contact = refiner.ContactRecord{
			UUID: text, RemoteID: text, Email: text, DisplayName: text, FirstSeenAt: text, Segments: []refiner.Segment{{Name: text}},
			Account: &refiner.AccountRecord{RemoteID: text, DisplayName: text}, Attributes: map[string]json.RawMessage{text: quoted},
		}
		user := url.Values{"user": {text[:min(len(text), 200)]}, "destination": {"refiner"}, "find": {""}}.Encode()
		for _, path := range []string{"/events/17.2", "/events/17.2/send/refiner", "/events?outcome=dead&destination=refiner", "/users?" + user, "/users/contact?" + user, "/events?find=m"} {
			got := b.ask(path, nil)
			if got.Code != 200 && got.Code != 303 {
				t.Errorf("text %d at %s: %d %.300s", i, path, got.Code, got.Body)
			}
			if got.Body.Len() > 500_000 {
				t.Errorf("text %d at %s: %d bytes", i, path, got.Body.Len())
			}
			onlyText(t, parse(t, got.Body))
		}
	}
}

func TestEventsList(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.destinations = []string{"refiner", "other"}
	if got := textOf(b.page(t, "/events")); strings.Contains(got, "There is none") || b.server.listed.Kind != "" {
		t.Errorf("nothing was asked for: %s", got)
	}
	summary := history.Summary{Position: journal.At(17, 2), Type: "track", Name: "Order Done", User: "u1", Source: "app", ReceivedAt: time.Now().Add(-2 * time.Second)}
	b.server.list = history.Page{Next: 99, Searched: 1234, At: time.Now(), Events: []history.Listed{
		{Summary: summary, Reason: "no_identity", At: time.Now()}, {Summary: history.Summary{Position: journal.At(3, 0)}, Gone: true, At: time.Now()},
	}}
	root := b.page(t, "/events?destination=other&outcome=rejected&reason=no_identity&next=7")
	if want := (history.ListOptions{Destination: "other", Kind: journal.Rejected, Reason: "no_identity", Next: 7}); b.server.listed != want {
		t.Errorf("asked for %+v", b.server.listed)
	}
	text := textOf(root)
	for _, want := range []string{"Order Done", "no_identity", "deleted from the log already", "no_identity after 2.0 s", "Looked through 1,234 outcomes", "the latest first", "More", "Back to the beginning"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	next := find(root, func(n *html.Node) bool { return n.Data == "a" && strings.Contains(attribute(n, "href"), "next=99") })
	if got := attribute(next, "href"); got != "/events?destination=other&next=99&outcome=rejected&reason=no_identity" {
		t.Errorf("the next page is %s", got)
	}
	b.server.list = history.Page{Events: []history.Listed{{Summary: summary, Attempts: 2, Next: time.Now().Add(time.Hour), Waits: "u1"}}}
	if got := textOf(b.page(t, "/events?outcome=retrying")); b.server.listed.Destination != "refiner" || !strings.Contains(got, "2 attempts, the next") || !strings.Contains(got, "because of u1") {
		t.Errorf("at %q: %s", b.server.listed.Destination, got)
	}
	b.server.list = history.Page{}
	if got := textOf(b.page(t, "/events?outcome=dead")); !strings.Contains(got, "There is none that is still on record") {
		t.Error(got)
	}
	for path, want := range map[string]int{"/events?outcome=nonsense": 400, "/events?outcome=dead&next=x": 400, "/events?find=m&before=x": 400} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
}

func TestFindEvent(t *testing.T) {
	b := newBench(t).logIn(t)
	if got := b.ask("/events?find=17.2", nil); got.Header().Get("Location") != "/events/17.2" {
		t.Errorf("a place leads to %v", got.Header())
	}
	e := anEvent(history.Fate{Outcome: journal.Delivered}).Traced
	b.server.found = history.Found{Events: []history.Traced{e}}
	if got := b.ask("/events?find=+m-1+", nil); got.Header().Get("Location") != "/events/17.2" || b.server.sought.Message != "m-1" {
		t.Errorf("the only one: %v, %+v", got.Header(), b.server.sought)
	}
	b.server.found.Before, b.server.found.Searched = journal.At(9, 0), 150_000
	root := b.page(t, "/events?find=m-1")
	on := find(root, func(n *html.Node) bool { return n.Data == "a" && strings.Contains(attribute(n, "href"), "before=9.0") })
	if on == nil || !strings.Contains(textOf(root), "Looked through 150,000 events") {
		t.Errorf("no way further: %s", textOf(root))
	}
	b.server.found = history.Found{}
	if got := textOf(b.page(t, attribute(on, "href"))); b.server.sought.Before != journal.At(9, 0) || !strings.Contains(got, "No event with this message id") {
		t.Errorf("from %s: %s", b.server.sought.Before, got)
	}
}

func TestUserPage(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.destinations = []string{"refiner"}
	if got := textOf(b.page(t, "/users")); !strings.Contains(got, "type the user id or the email") || strings.Contains(got, "Ask Refiner") {
		t.Error(got)
	}
	e := anEvent(history.Fate{Outcome: history.Pending, State: "paused"})
	b.server.found = history.Found{Events: []history.Traced{e.Traced}, Searched: 9, Before: journal.At(4, 0), Oldest: time.Now()}
	b.server.waiting = map[string]history.Waiting{"refiner u1": {User: "u1", InMemory: 2, Parked: 31, First: journal.At(5, 0)}}
	root := b.page(t, "/users?user=+alex@example.com+")
	if b.server.sought.User != "alex@example.com" {
		t.Errorf("asked for %+v", b.server.sought)
	}
	text := textOf(root)
	for _, want := range []string{"2 events wait for their turn, and 31 are parked", "The first is 5.0", "sends nothing at the moment: paused", "Order Done", "pending the destination sends nothing: paused", "Look further back", "Ask Refiner now"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	parked := find(root, func(n *html.Node) bool { return strings.Contains(attribute(n, "href"), "outcome=parked") })
	if got := attribute(parked, "href"); got != "/events?destination=refiner&outcome=parked&user=u1" {
		t.Errorf("the parked ones are at %s", got)
	}
	b.server.found = history.Found{}
	if got := textOf(b.page(t, "/users?user=nobody")); !strings.Contains(got, "The log holds no event of this user") {
		t.Error(got)
	}
}

func TestContact(t *testing.T) {
	b := newBench(t).logIn(t)
	b.server.destinations = []string{"refiner"}
	b.server.contact = refiner.ContactRecord{RemoteID: "u1", Email: "alex@example.com", Attributes: map[string]json.RawMessage{"plan": json.RawMessage(`"pro"`)}}
	b.header.Set("Hx-Request", "true")
	got := b.ask("/users/contact?destination=refiner&user=u1", nil)
	if text := textOf(parse(t, got.Body)); got.Code != 200 || b.server.asked != "refiner u1" || !strings.Contains(text, "alex@example.com") || !strings.Contains(text, `plan "pro"`) {
		t.Errorf("%d, asked for %q: %s", got.Code, b.server.asked, text)
	}
	b.header = http.Header{}
	if got := b.ask("/users/contact?destination=refiner&user=u1", nil); !strings.Contains(got.Body.String(), "<html") {
		t.Error("without a script there is no page")
	}
	for path, want := range map[string]int{"/users/contact?destination=nowhere&user=u1": 404, "/users/contact?destination=refiner": 400} {
		if got := b.ask(path, nil); got.Code != want {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	for want, err := range map[string]error{
		"no contact with this id":         &refiner.Error{Class: refiner.ClassEvent, Status: 404},
		"something else than a contact":   &refiner.Error{Class: refiner.ClassEvent, Status: 422},
		"answers something else":          &refiner.Error{Class: refiner.ClassUnexpected, Message: "a page"},
		"refuses the destination's API":   &refiner.Error{Class: refiner.ClassCredentials, Status: 401},
		"asked too often":                 &refiner.Error{Class: refiner.ClassRateLimited, Status: 429},
		"does not answer at the moment":   &refiner.Error{Class: refiner.ClassTemporary, Err: context.DeadlineExceeded},
		"could not be asked: no such key": errors.New("no such key"),
	} {
		if got := contactProblem(err); !strings.Contains(got, want) {
			t.Errorf("%v is said as %q", err, got)
		}
	}
}
