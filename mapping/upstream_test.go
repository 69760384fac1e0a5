package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
)

// recorded is what rudder-transformer made of a message.
type recorded struct {
	Name    string          `json:"name"`
	Message json.RawMessage `json:"message"`
	Config  json.RawMessage `json:"config"`
	Output  struct {
		Method   string `json:"method"`
		Endpoint string `json:"endpoint"`
		Body     struct {
			Form json.RawMessage `json:"FORM"`
		} `json:"body"`
	} `json:"output"`
	Error    string `json:"error"`
	Status   int    `json:"statusCode"`
	StatTags struct {
		Category string `json:"errorCategory"`
		Type     string `json:"errorType"`
	} `json:"statTags"`
}

func recordings(tb testing.TB) []recorded {
	tb.Helper()
	data, err := os.ReadFile("testdata/rudder-transformer.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	var list []recorded
	for line := range bytes.Lines(data) {
		var r recorded
		if err := json.Unmarshal(line, &r); err != nil {
			tb.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// asMessage parses what was sent as a message. rudder-transformer copies what is no object into an empty one.
func asMessage(tb testing.TB, raw []byte) *event.Event {
	tb.Helper()
	e, err := event.Parse(raw, event.Limits{})
	if errors.Is(err, event.ErrNotObject) {
		return parse(tb, `{}`)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func TestUpstreamIsRudderTransformer(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.Name, func(t *testing.T) {
			settings, err := ParseRudderConfig(r.Config)
			if err != nil {
				t.Fatal(err)
			}
			settings.Profile = Upstream
			call, err := newMapper(t, settings).Map(asMessage(t, r.Message))
			if r.Error != "" {
				want := &UpstreamError{Message: r.Error, Status: r.Status, Category: r.StatTags.Category, Type: r.StatTags.Type}
				var got *UpstreamError
				if !errors.As(err, &got) {
					t.Fatalf("Map: %v, want %v", err, want)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := "https://api.refiner.io" + call.Path; call.Method != r.Output.Method || got != r.Output.Endpoint || !call.Form {
				t.Errorf("%s %s (form %t), want %s %s", call.Method, got, call.Form, r.Output.Method, r.Output.Endpoint)
			}
			// The recordings are what JSON.stringify wrote: bytes, order and numbers alike.
			if diff := cmp.Diff(string(r.Output.Body.Form), string(call.Body)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
