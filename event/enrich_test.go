package event

import (
	"testing"
	"time"
)

var received = time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)

func TestEnrichKeepsOrderAndBytes(t *testing.T) {
	e := parse(t, `{"type":"page", "messageId":" m1 ","n": 12345678901234567890 ,"sentAt":"2026-11-22T11:00:05.5+01:00",`+
		`"originalTimestamp":"2026-11-22T11:00:00+01:00","userId":"u1","f":1.0}`)
	got := string(Enrich(e, Envelope{MessageID: "m1", Type: "track", RequestIP: "::1", ReceivedAt: received}))
	want := `{"type":"track","messageId":"m1","n":12345678901234567890,"sentAt":"2026-11-22T11:00:05.500+01:00",` +
		`"originalTimestamp":"2026-11-22T11:00:00.000+01:00","userId":"u1","f":1.0,` +
		`"rudderId":"5eff0fc3-0944-48fa-9c04-38f62e3890ca","receivedAt":"2026-11-22T10:00:00.123Z","request_ip":"::1",` +
		`"timestamp":"2026-11-22T09:59:54.623Z"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
