package transform

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/internal/script"
	"tanker/mapping"
)

// fakeScript makes given events of every event.
type fakeScript struct {
	events []string
	err    error
	in     script.Input // of the latest call
}

func (s *fakeScript) Transform(_ context.Context, in script.Input) (script.Output, error) {
	s.in = in
	out := script.Output{Log: []string{"logged"}}
	for _, text := range s.events {
		e, err := event.Parse([]byte(text), event.Limits{})
		if err != nil {
			panic(err)
		}
		out.Events = append(out.Events, e)
	}
	return out, s.err
}

const (
	trackA  = `{"type":"track","userId":"u1","event":"a"}`
	trackB  = `{"type":"track","userId":"u1","event":"b"}`
	other   = `{"type":"track","userId":"u2","event":"a"}`
	noName  = `{"type":"track","userId":"u1"}`
	screen  = `{"type":"screen","userId":"u1"}`
	anyPage = `{"type":"page","userId":"u1"}`
)

func TestChain(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name   string
		script Script
		want   string // paths and bodies, or the refusal
		err    error
	}{
		{"no script", nil, `{"id":"u1","event":"pageView"}`, nil},
		{"one event", &fakeScript{events: []string{trackA}}, `{"id":"u1","event":"a"}`, nil},
		{"several", &fakeScript{events: []string{trackA, trackB}}, `{"id":"u1","event":"a"} {"id":"u1","event":"b"}`, nil},
		{"none", &fakeScript{}, "filtered transformation", nil},
		{"one that is not for Refiner", &fakeScript{events: []string{screen}}, "filtered unsupported_type", nil},
		{"one of several that is not for Refiner", &fakeScript{events: []string{screen, trackA}}, `{"id":"u1","event":"a"}`, nil},
		{"one of several that is rejected", &fakeScript{events: []string{trackA, noName}}, "rejected no_event_name", nil},
		{"two users", &fakeScript{events: []string{trackA, other}}, "rejected transformation_error", nil},
		{"a failure", &fakeScript{err: &script.Failure{Message: "t.js:1: no"}}, "rejected transformation_error", nil},
		{"no process", &fakeScript{err: broken}, "", broken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e, err := event.Parse([]byte(anyPage), event.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			calls, log, err := Chain{Script: test.script, Mapper: documented(t)}.Calls(t.Context(), script.Input{Event: e})
			var got []string
			for _, call := range calls {
				got = append(got, string(call.Body))
			}
			if refusal, ok := errors.AsType[*mapping.Refusal](err); ok {
				got = append(got, refusal.Outcome, refusal.Reason)
			} else if !errors.Is(err, test.err) {
				t.Errorf("error is %v", err)
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			if (len(log) == 1) != (test.script != nil) {
				t.Errorf("log is %q", log)
			}
		})
	}
}

func TestRunWithScript(t *testing.T) {
	s := &fakeScript{events: []string{trackA, trackB}}
	var out bytes.Buffer
	var log []string
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	counts, err := Run(t.Context(), strings.NewReader(`{"type":"page","messageId":"m1"}`), &out, Options{
		Mapper: documented(t), Script: s, Source: "web", Destination: "refiner",
		Now: func() time.Time { return now }, Log: func(line string) { log = append(log, line) },
	})
	const want = `{"messageId":"m1","call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"a"}}}
{"messageId":"m1","call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"b"}}}
`
	if err != nil || out.String() != want || counts != (Counts{Calls: 2}) {
		t.Errorf("%v, %+v, %s", err, counts, out.String())
	}
	if s.in.Source != "web" || s.in.Destination != "refiner" || !s.in.Envelope.ReceivedAt.Equal(now) || len(log) != 1 {
		t.Errorf("the script got %+v and logged %q", s.in, log)
	}
	s.err = errors.New("broken")
	if _, err := Run(t.Context(), strings.NewReader("\n{}\n"), &out, Options{Mapper: documented(t), Script: s}); !errors.Is(err, s.err) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error is %v", err)
	}
}
