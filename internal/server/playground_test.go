package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tanker/event"
	"tanker/internal/script"
)

func trialOf(t *testing.T, code string) *trialScript {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.js")
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newTrialScript(path, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func inputOf(t *testing.T, text string) script.Input {
	t.Helper()
	e, err := event.Parse([]byte(text), event.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return script.Input{Event: e, Envelope: event.Envelope{ReceivedAt: time.Now()}}
}

func TestTrialScript(t *testing.T) {
	s := trialOf(t, `export function transformEvent(event) { if (event.event === "loop") for (;;); return { ...event, event: event.event + "!" } }`)
	var users sync.WaitGroup
	for range 4 { // at the same time, while its process comes and goes
		users.Go(func() {
			out, err := s.Transform(t.Context(), inputOf(t, `{"type":"track","userId":"u1","event":"a"}`))
			if err != nil || out.Events[0].EventName().Text() != "a!" {
				t.Errorf("%v, %v", out, err)
			}
		})
		users.Go(func() {
			if err := s.rest(); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	_, err := s.Transform(t.Context(), inputOf(t, `{"type":"track","userId":"u1","event":"loop"}`))
	if _, ok := errors.AsType[*script.Failure](err); !ok {
		t.Errorf("a loop: %v", err)
	}
	if out, err := s.Transform(t.Context(), inputOf(t, `{"type":"track","userId":"u1","event":"b"}`)); err != nil || out.Events[0].EventName().Text() != "b!" {
		t.Errorf("after it: %v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.slot <- struct{}{} // somebody else's turn
	if _, err := s.Transform(ctx, inputOf(t, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not wait: %v", err)
	}
	<-s.slot
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Transform(t.Context(), inputOf(t, `{}`)); !errors.Is(err, script.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}

func TestTrialScriptThatCannotBeUsed(t *testing.T) {
	s := trialOf(t, "\nexport function transformEvent(event) { return event }}")
	if _, err := s.Transform(t.Context(), inputOf(t, `{}`)); err == nil {
		t.Error("no error")
	}
}
