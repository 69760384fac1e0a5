package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/server"
)

// withScript writes a transformation and returns its path.
func withScript(t *testing.T, code string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.js")
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTransformation(t *testing.T) {
	refiner, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations[0].Filter.DenyEvents = []string{"Secret"}
	c.Destinations[0].Transformation = withScript(t, `
export function transformEvent(event, metadata) {
  const m = metadata(event);
  switch (event.event ?? event.type) {
  case "Heartbeat": return;
  case "Broken": return event.properties.x;
  case "Order": return event.properties.items.map(item => ({ ...event, event: "Bought " + item }));
  case "identify": event.traits.from = [m.sourceName, m.destinationName, m.messageId, typeof event.receivedAt].join(" ");
  }
  return { type: event.type, userId: event.userId, event: event.event, traits: event.traits };
}`)
	r := start(t, c)
	for _, event := range []struct{ kind, body string }{
		{"identify", `{"userId":"u1","messageId":"m1","traits":{"plan":"gold"}}`},
		{"track", `{"userId":"u1","event":"Order","properties":{"items":["tea","cup"]}}`},
		{"track", `{"userId":"u1","event":"Heartbeat"}`},
		{"track", `{"userId":"u1","event":"Broken"}`},
		{"track", `{"userId":"u1","event":"Secret"}`},
		{"track", `{"userId":"u1","event":"Not for Refiner","integrations":{"All":false}}`},
		{"track", `{"userId":"u1","event":"Last"}`},
	} {
		if got := r.send(t, "wk-web", event.kind, event.body); got != 200 {
			t.Fatalf("%s answered %d", event.kind, got)
		}
	}
	eventually(t, "all are finished", func() bool { return r.status(t, "production").Pending == 0 })
	s := r.status(t, "production").Totals
	want := map[string]uint64{"transformation": 1, "integrations": 1, "event_denied": 1}
	if diff := cmp.Diff(want, s.Filtered); diff != "" || s.Delivered != 3 || s.Rejected["transformation_error"] != 1 {
		t.Errorf("totals = %+v %s", s, diff)
	}
	contact, _ := refiner.Contact("u1", "")
	if diff := cmp.Diff([]string{"Bought tea", "Bought cup", "Last"}, contact.EventNames()); diff != "" {
		t.Errorf("events -want +got\n%s", diff)
	}
	if contact.Attributes["plan"] != "gold" || contact.Attributes["from"] != "web production m1 string" {
		t.Errorf("attributes = %v", contact.Attributes)
	}
}

func TestTransformationThatCannotBeUsed(t *testing.T) {
	_, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	c.Destinations[0].Transformation = withScript(t, "\nexport function transformEvent(event) { return event }}")
	err := server.Run(t.Context(), c, server.Options{})
	if err == nil || !strings.Contains(err.Error(), "destination production: transformation: t.js:2: SyntaxError") {
		t.Errorf("error is %v", err)
	}
}
