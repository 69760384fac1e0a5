package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/internal/playground"
	"tanker/mapping"
)

// playgroundBackend tries events out.
type playgroundBackend interface {
	// Playgrounds are the destinations that events can be tried for.
	Playgrounds() []Playground
	// TryEvent says what an event would become at a destination. Error: journal.ErrNotFound.
	TryEvent(ctx context.Context, destination string, r playground.Request) (playground.Result, error)
	// StoredEvent reads an event that the log still holds. Error: journal.ErrNotFound.
	StoredEvent(ctx context.Context, at journal.Position) (journal.Entry, error)
}

// Playground is a destination that events can be tried for.
type Playground struct {
	Name           string
	Profile        string // its own
	Transformation bool   // whether it has one
	Form           bool   // whether calls are sent as a form
}

func playgroundPage() page {
	return page{
		nav: []navItem{{"/playground", "Playground"}},
		routes: func(r routes) {
			r.get("/playground", showPlayground)
			r.post("/playground", tryEvent)
		},
	}
}

// playgroundForm is what is tried out, and how.
type playgroundForm struct {
	Event       string
	Destination string
	Profile     string // "" is the destination's own
	Type        string // what the request's path would say; "" means what the event says
	Source      string // where it comes from, as the transformation is told

	NoFilter, NoTransformation bool
}

func readPlaygroundForm(form url.Values) playgroundForm {
	return playgroundForm{
		Event: strings.ReplaceAll(form.Get("event"), "\r\n", "\n"), Destination: form.Get("destination"),
		Profile: form.Get("profile"), Type: pathType(form.Get("type")), Source: form.Get("source"),
		NoFilter: form.Get("no_filter") != "", NoTransformation: form.Get("no_transformation") != "",
	}
}

// playgroundData is what the page shows.
type playgroundData struct {
	Form         playgroundForm
	Destinations []Playground
	Chosen       Playground
	Position     string // of the stored event that is shown
	Result       *playground.Result
}

// Profiles, Types and Examples are the choices of the form.
func (playgroundData) Profiles() []string {
	return []string{string(mapping.Documented), string(mapping.Upstream)}
}

// Types are what a request's path can say.
func (playgroundData) Types() []string { return pathTypes }

var pathTypes = []string{"identify", "track", "page", "screen", "group", "alias"}

// pathType is a type if a request's path can say it, else "".
func pathType(kind string) string {
	if slices.Contains(pathTypes, kind) {
		return kind
	}
	return ""
}

// Examples are events to begin with.
func (playgroundData) Examples() []example { return examples }

// choose finds the destination of the form, or takes the first one.
func (d *playgroundData) choose(b playgroundBackend) error {
	d.Destinations = b.Playgrounds()
	if len(d.Destinations) == 0 {
		return nil
	}
	if d.Form.Destination == "" {
		d.Form.Destination = d.Destinations[0].Name
	}
	i := slices.IndexFunc(d.Destinations, func(p Playground) bool { return p.Name == d.Form.Destination })
	if i < 0 {
		return problem{http.StatusNotFound, "there is no such destination", "choose another one"}
	}
	d.Chosen = d.Destinations[i]
	return nil
}

// showPlayground shows the page with an example, or with an event of the log: ?destination=…&position=….
func showPlayground(v *visit) error {
	q := v.URL.Query()
	data := playgroundData{Form: playgroundForm{Destination: q.Get("destination")}, Position: strings.TrimSpace(q.Get("position"))}
	if err := data.choose(v.backend); err != nil {
		return err
	}
	if data.Position != "" {
		if err := data.pick(v); err != nil {
			return err
		}
	} else {
		data.Form.Event = exampleNamed(q.Get("example")).Event
	}
	return data.show(v)
}

// pick puts a stored event into the form.
func (d *playgroundData) pick(v *visit) error {
	at, err := journal.ParsePosition(d.Position)
	if err != nil {
		return problem{http.StatusBadRequest, err.Error(), "a position is written like 17.0: the pages about events show it"}
	}
	entry, err := v.backend.StoredEvent(v.Context(), at)
	if err != nil {
		return err
	}
	if d.Form.Event = editable(entry.Body); d.Form.Event == "" {
		return problem{
			http.StatusUnprocessableEntity, fmt.Sprintf("the event is too large for the playground: %s", size(len(entry.Body))),
			"on the command line: tanker transform --config tanker.yaml --destination NAME event.json",
		}
	}
	d.Form.Type, d.Form.Source = pathType(entry.Type), entry.Source
	return nil
}

// tryEvent shows what the event of the form becomes. It changes nothing: it is a POST so that no event stands in an
// address.
func tryEvent(v *visit) error {
	data := playgroundData{Form: readPlaygroundForm(v.PostForm)}
	if err := data.choose(v.backend); err != nil {
		return err
	}
	return data.show(v)
}

func (d *playgroundData) show(v *visit) error {
	if err := d.try(v); err != nil {
		return err
	}
	if v.isPart() {
		return v.part("playground", "result", d)
	}
	return v.show("playground", "Playground", d)
}

func (d *playgroundData) try(v *visit) error {
	if len(bytes.TrimSpace([]byte(d.Form.Event))) == 0 || len(d.Destinations) == 0 {
		return nil
	}
	result, err := v.backend.TryEvent(v.Context(), d.Form.Destination, playground.Request{
		Event: []byte(d.Form.Event), Envelope: event.Envelope{Type: d.Form.Type, ReceivedAt: time.Now().UTC()},
		Source: d.Form.Source, Profile: mapping.Profile(d.Form.Profile),
		NoFilter: d.Form.NoFilter, NoTransformation: d.Form.NoTransformation,
	})
	if v.Context().Err() != nil {
		return v.Context().Err() // the browser asks for another one already
	}
	if err != nil {
		return err
	}
	d.Result = &result
	return nil
}

// Doing says what a step is about.
func (d playgroundData) Doing(s playground.Step) string {
	text := map[playground.StepName]string{
		playground.StepRead:      "Read",
		playground.StepKnown:     "A user who was not erased",
		playground.StepAddressed: "Meant for " + d.Form.Destination,
		playground.StepTransform: "Transformation",
		playground.StepWanted:    "Wanted by " + d.Form.Destination,
		playground.StepMapped:    "Mapping",
	}[s.Name]
	if s.Event > 0 {
		text += fmt.Sprintf(", event %d", s.Event)
	}
	return text
}

// example is an event to begin with.
type example struct {
	Name  string // in addresses
	Text  string
	Event string
}

var examples = []example{
	{"identify", "identify: a user and traits", `{
  "type": "identify",
  "userId": "u1",
  "traits": {
    "email": "alex@example.com",
    "plan": "pro",
    "seats": 12,
    "address": { "city": "Oslo" }
  }
}`},
	{"track", "track: something a user did", `{
  "type": "track",
  "userId": "u1",
  "event": "Order Completed",
  "properties": { "total": 49.9, "currency": "EUR" }
}`},
	{"page", "page: a page a user has seen", `{
  "type": "page",
  "userId": "u1",
  "category": "Docs",
  "name": "Home"
}`},
	{"group", "group: a user's account", `{
  "type": "group",
  "userId": "u1",
  "groupId": "acme",
  "traits": { "name": "Acme", "employees": 1000 }
}`},
	{"rejected", "rejected: nobody knows whose it is", `{
  "type": "track",
  "anonymousId": "5b3ee50e-1c8f-4bfc-8a3c-1f0c8b0c3f3a",
  "event": "Pricing Viewed"
}`},
	{"filtered", "filtered: the sender leaves Refiner out", `{
  "type": "track",
  "userId": "u1",
  "event": "Order Completed",
  "integrations": { "All": true, "Refiner": false }
}`},
}

// exampleNamed finds an example, or the first one.
func exampleNamed(name string) example {
	i := slices.IndexFunc(examples, func(e example) bool { return e.Name == name })
	return examples[max(i, 0)]
}
