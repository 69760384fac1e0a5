package delivery

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/journal"
	"tanker/refiner"
)

func TestDeadLetterHoldsTheWholeCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		body := []byte(`{"userId":"ada@example.com", "event":"Signed Up", "properties":{"n":12345678901234567890}}`)
		entry := journal.Entry{Type: "track", RequestIP: "192.0.2.1", Body: body}
		d := newDisk(entry)
		begun := time.Now().UTC()
		client := &fakeRefiner{
			delay: func(string) time.Duration { return 30 * time.Millisecond },
			answer: func(string, string) error {
				if time.Since(begun) < time.Second {
					return temporary()
				}
				e := refusedCall(422, refiner.ClassEvent)
				e.Message = "ada@example.com is no id"
				e.Body = bytes.Repeat([]byte("é"), 20_000)
				return e
			},
		}
		launch(t, d, client, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&log, nil)) }).drain(t)

		got := d.outcome(0)
		if got.Letter == nil {
			t.Fatalf("outcome %+v has no letter", got)
		}
		letter := *got.Letter
		if len(letter.Answer) > maxAnswerKept || len(letter.Answer) < maxAnswerKept-8 || !utf8.ValidString(letter.Answer) {
			t.Errorf("answer of %d bytes, want at most %d of valid text", len(letter.Answer), maxAnswerKept)
		}
		second := client.seen()[1].at.UTC().Add(-30 * time.Millisecond)
		letter.Answer = ""
		want := journal.DeadLetter{
			Destination: "production",
			Position:    journal.At(1, 0),
			MessageID:   "message-0",
			Source:      "web",
			User:        "ada@example.com",
			Type:        "track",
			ReceivedAt:  begun,
			RequestIP:   "192.0.2.1",
			Event:       body,
			Reason:      "refused_422",
			Message:     "refiner: POST /v1/track-event: 422: ada@example.com is no id",
			Method:      "POST",
			Path:        "/v1/track-event",
			Call:        json.RawMessage(`{"id":"ada@example.com","event":"Signed Up"}`),
			Status:      422,
			Attempts: []journal.Attempt{
				{At: begun, Took: 30 * time.Millisecond, Status: 503, Error: "no"},
				{At: second, Took: 30 * time.Millisecond, Status: 422, Error: "ada@example.com is no id"},
			},
			At: second.Add(30 * time.Millisecond),
		}
		if diff := cmp.Diff(want, letter); diff != "" {
			t.Error(diff)
		}
		if _, err := json.Marshal(letter); err != nil {
			t.Errorf("letter cannot be written: %v", err)
		}

		line := log.String()
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, `"level":"WARN","msg":"dead letter","destination":"production","position":"1.0","message_id":"message-0"`) {
			t.Errorf("log %s, want one warning", line)
		}
		if strings.Contains(line, "ada") {
			t.Errorf("log names the user: %s", line)
		}
	})
}

func TestTypeOfALetterFromABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(journal.Entry{Body: []byte(`{"type":"Identify","userId":"ada"}`)})
		client := &fakeRefiner{answer: func(string, string) error { return refusedCall(400, refiner.ClassEvent) }}
		launch(t, d, client).drain(t)
		if got := d.outcome(0).Letter; got == nil || got.Type != "identify" {
			t.Errorf("letter %+v, want the type of the body", got)
		}
	})
}

func TestAttemptsAreLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := newDisk(trackOf("ada", "1"), journal.Entry{Type: "screen", Body: []byte(`{"userId":"ada"}`)})
		client := &fakeRefiner{answer: func() func(string, string) error {
			failures := 1
			return func(string, string) error {
				if failures--; failures >= 0 {
					return temporary()
				}
				return nil
			}
		}()}
		launch(t, d, client, func(o *Options) {
			o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}).drain(t)
		var lines []map[string]any
		for line := range strings.Lines(log.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatal(err)
			}
			delete(fields, "time")
			delete(fields, "age")
			delete(fields, "retry_in")
			lines = append(lines, fields)
		}
		call := map[string]any{
			"level": "DEBUG", "msg": "call", "destination": "production", "position": "1.0", "message_id": "message-0", "source": "web",
			"path": "/v1/track-event", "class": "ok", "status": 200.0, "took": 0.0, "attempts": 2.0, "kind": "delivered",
		}
		failed := map[string]any{
			"level": "DEBUG", "msg": "call", "destination": "production", "position": "1.0", "message_id": "message-0", "source": "web",
			"path": "/v1/track-event", "class": "temporary", "status": 503.0, "took": 0.0, "attempts": 1.0,
			"error": "refiner: POST /v1/track-event: 503: no",
		}
		refused := map[string]any{
			"level": "DEBUG", "msg": "no call", "destination": "production", "position": "1.1", "message_id": "message-1", "source": "web",
			"kind": "filtered", "reason": "unsupported_type",
		}
		if diff := cmp.Diff([]map[string]any{refused, failed, call}, lines); diff != "" {
			t.Error(diff)
		}
	})
}
