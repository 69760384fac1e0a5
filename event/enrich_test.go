package event

import (
	"strings"
	"testing"
	"time"
)

var received = time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)

func TestEnrichKeepsOrderAndBytes(t *testing.T) {
	e := parse(t, ` { "type":"page", "messageId":" m1 ","n": 12345678901234567890 ,"sentAt":"2026-11-22T11:00:05.5+01:00",`+
		`"originalTimestamp":"2026-11-22T11:00:00+01:00","userId":"u1","f":1.0,"o":{ "a":[1, 2] },"\u00fc":"\u00fc"}`)
	got := string(Enrich(e, Envelope{MessageID: "m1", Type: "track", RequestIP: "::1", ReceivedAt: received}))
	want := `{"type":"track","messageId":"m1","n":12345678901234567890,"sentAt":"2026-11-22T11:00:05.500+01:00",` +
		`"originalTimestamp":"2026-11-22T11:00:00.000+01:00","userId":"u1","f":1.0,"o":{ "a":[1, 2] },"\u00fc":"\u00fc",` +
		`"rudderId":"5eff0fc3-0944-48fa-9c04-38f62e3890ca","receivedAt":"2026-11-22T10:00:00.123Z","request_ip":"::1",` +
		`"timestamp":"2026-11-22T09:59:54.623Z"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEnrichMembers(t *testing.T) {
	full := Envelope{MessageID: "m", Type: "track", RequestIP: "1.2.3.4", ReceivedAt: received}
	bare := Envelope{ReceivedAt: received}
	tests := []struct {
		name, in string
		env      Envelope
		member   string
		want     string
	}{
		{"the envelope's messageId counts", `{"messageId":"own"}`, full, "messageId", `"m"`},
		{"without it the event's own, cleaned", `{"messageId":"\u200b own "}`, bare, "messageId", `"own"`},
		{"without any it stays as it is", `{"messageId":5}`, bare, "messageId", `5`},
		{"a messageId that needs escapes", `{}`, Envelope{MessageID: "a\"b\\\x01", ReceivedAt: received}, "messageId", `"a\"b\\\u0001"`},
		{"the path's type counts", `{"type":"page"}`, full, "type", `"track"`},
		{"the type stays as written", `{"type":"PAGE"}`, bare, "type", `"PAGE"`},
		{"rudderId is always written", `{"rudderId":"x","anonymousId":"a1"}`, full, "rudderId", `"b09c6e0b-7298-4c66-88e1-7af047315456"`},
		{"rudderId is of the cleaned ids", `{"userId":" u1\u200b","anonymousId":"\ta1"}`, full, "rudderId", `"f81ebcce-dafc-4607-b906-29e68e64b35f"`},
		{"receivedAt is the gateway's", `{"receivedAt":"2001-01-01T00:00:00Z"}`, full, "receivedAt", `"2026-11-22T10:00:00.123Z"`},
		{"an event's own request_ip stays", `{"request_ip":"9.9.9.9"}`, full, "request_ip", `"9.9.9.9"`},
		{"an empty one too", `{"request_ip":""}`, full, "request_ip", `""`},
		{"null is none", `{"request_ip":null}`, full, "request_ip", `"1.2.3.4"`},
		{"one that is not UTF-8", `{}`, Envelope{RequestIP: "1.2\xff", ReceivedAt: received}, "request_ip", `"1.2` + "\ufffd" + `"`},
		{"an unknown one is not written", `{}`, bare, "request_ip", ``},
		{"a name in escapes is the same name", `{"sent\u0041t":"x"}`, full, "sentAt", `"2026-11-22T10:00:00.123Z"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := Enrich(parse(t, test.in), test.env)
			if got := string(parse(t, string(out)).Get(test.member).Raw()); got != test.want {
				t.Errorf("%s is %s, want %s, in %s", test.member, got, test.want, out)
			}
		})
	}
}

func TestEnrichWritesEachNameOnce(t *testing.T) {
	out := string(Enrich(parse(t, `{"a":1,"messageId":"x","a":2,"messageId":"y","message\u0049d":"z"}`), Envelope{MessageID: "m", ReceivedAt: received}))
	if want := `{"a":2,"messageId":"m","rudderId":`; !strings.HasPrefix(out, want) {
		t.Errorf("got %s, want it to begin with %s", out, want)
	}
	if strings.Count(out, "essageId") != 1 {
		t.Errorf("messageId is there more than once: %s", out)
	}
}

func TestEnrichAnEmptyEvent(t *testing.T) {
	got := string(Enrich(parse(t, `{}`), Envelope{ReceivedAt: received.In(time.FixedZone("", 3600))}))
	const at = `"2026-11-22T10:00:00.123Z"`
	want := `{"rudderId":"` + RudderID("", "") + `","receivedAt":` + at + `,"originalTimestamp":` + at + `,"sentAt":` + at + `,"timestamp":` + at + `}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTimes(t *testing.T) {
	tests := []struct{ name, in, original, sent, happened string }{
		{"the sender's clock is an hour behind", `{"originalTimestamp":"2026-11-22T09:00:00Z","sentAt":"2026-11-22T09:00:10.000Z"}`,
			"2026-11-22T09:00:00.000Z", "2026-11-22T09:00:10.000Z", "2026-11-22T09:59:50.123Z"},
		{"the sender's clock is a day ahead", `{"originalTimestamp":"2026-11-23T10:00:00Z","sentAt":"2026-11-23T10:00:01Z"}`,
			"2026-11-23T10:00:00.000Z", "2026-11-23T10:00:01.000Z", "2026-11-22T09:59:59.123Z"},
		{"without sentAt the original time counts", `{"originalTimestamp":"2026-11-22T09:00:00Z"}`,
			"2026-11-22T09:00:00.000Z", "2026-11-22T10:00:00.123Z", "2026-11-22T09:00:00.000Z"},
		{"a timestamp of its own is believed", `{"originalTimestamp":"2026-11-22T09:00:00Z","timestamp":"2020-02-29T12:00:00.9999+05:30"}`,
			"2026-11-22T09:00:00.000Z", "2026-11-22T10:00:00.123Z", "2020-02-29T12:00:00.999+05:30"},
		{"zones stay", `{"originalTimestamp":"2026-11-22T15:30:00+05:30","sentAt":"2026-11-22T05:00:00-05:00"}`,
			"2026-11-22T15:30:00.000+05:30", "2026-11-22T05:00:00.000-05:00", "2026-11-22T10:00:00.123Z"},
		{"without a zone it is UTC", `{"timestamp":"2026-11-22T09:00:00"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2026-11-22T09:00:00.000Z"},
		{"seconds since 1970, as text", `{"timestamp":"1700000000"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2023-11-14T22:13:20.000Z"},
		{"milliseconds since 1970, as text", `{"timestamp":"1700000000123"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2023-11-14T22:13:20.123Z"},
		{"the month first", `{"timestamp":"01/02/2024"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2024-01-02T00:00:00.000Z"},
		{"numbers are no times", `{"originalTimestamp":1700000000,"sentAt":1700000001,"timestamp":1700000002}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z"},
		{"nonsense is no time", `{"originalTimestamp":"yesterday","sentAt":"","timestamp":"2026-02-30T00:00:00Z"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z"},
		{"a long text is no time", `{"timestamp":"2026-11-22T10:00:00` + strings.Repeat(" ", 100) + `Z"}`,
			"2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00.123Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := parse(t, string(Enrich(parse(t, test.in), Envelope{ReceivedAt: received})))
			got := [3]string{e.Get("originalTimestamp").Text(), e.Get("sentAt").Text(), e.Get("timestamp").Text()}
			if want := [3]string{test.original, test.sent, test.happened}; got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// TestOddTimes: whatever text stands for a time, the outcome is a time that can be written, or an error.
func TestOddTimes(t *testing.T) {
	for _, s := range []string{"2009-10-09T08:10:1", "0/00/", "2014.02.1a", "00:00:00 ,00", "oct. 7, 1970", "1/1/1/1", "a", " ", "\x00", "2014-05-11 08:20:13,787 +", "13:31:51.999 -07:00 MST"} {
		if t1, err := parseTime(s); err == nil && (t1.Year() < 0 || t1.Year() > 9999) {
			t.Errorf("parseTime(%q) = %v", s, t1)
		}
	}
}
