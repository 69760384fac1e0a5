package script

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
)

// received is when all events of the tests were accepted.
var received = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// folder writes files and returns where they are.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, code string) Source {
	t.Helper()
	s, err := Load(filepath.Join(folder(t, map[string]string{"t.js": code}), "t.js"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// runner starts a script that is stopped with the test. A program with the race detector takes a second to end if it is
// not told otherwise.
func runner(t *testing.T, s Source, l Limits) *Runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Source: s, Limits: l, Command: []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, ChildArgument}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func input(t *testing.T, text string) Input {
	t.Helper()
	e, err := event.Parse([]byte(text), anyEvent)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Event: e, Envelope: event.Envelope{ReceivedAt: received, RequestIP: "203.0.113.77"}, Source: "web", Destination: "refiner"}
}

// TestDocumentedUses runs what people use transformations for, by RudderStack's documentation.
func TestDocumentedUses(t *testing.T) {
	tests := []struct {
		name   string
		script string
		in     string
		want   string // a list of what each event that comes out has at pick
		pick   string // a path such as context.traits.email
	}{
		{"leave out by name", `
const denylist = ["Page Scrolled", "Heartbeat"];
export function transformEvent(event, metadata) {
  const property = event.event;
  if (property && denylist.includes(property)) return;
  return event;
}`, `{"type":"track","event":"Heartbeat","userId":"u"}`, `[]`, "event"},
		{"leave out all but some names", `
export function transformEvent(event, metadata) {
  const allowlist = ["Order Completed"];
  if (!event.event || !allowlist.includes(event.event)) return null;
  return event;
}`, `{"type":"track","event":"Order Completed","userId":"u"}`, `["Order Completed"]`, "event"},
		{"leave out by type", `
export function transformEvent(event) { return event.type === "page" ? undefined : event }
`, `{"type":"page","userId":"u"}`, `[]`, "type"},
		{"rename an event", `
export function transformEvent(event, metadata) {
  const names = { signup: "Signed Up" };
  if (event.type === "track") event.event = names[event.event] ?? event.event;
  return event;
}`, `{"type":"track","event":"signup","userId":"u"}`, `["Signed Up"]`, "event"},
		{"rename a trait", `
export function transformEvent(event, metadata) {
  const firstName = event.context?.traits?.first_name;
  if (firstName) {
    event.context.traits.firstName = firstName;
    delete event.context.traits.first_name;
  }
  return event;
}`, `{"type":"identify","userId":"u","context":{"traits":{"first_name":"Ada","n":1}}}`, `[{"n":1,"firstName":"Ada"}]`, "context.traits"},
		{"rename many properties to camel case", `
const camel = s => s.replace(/_([a-z])/g, (_, c) => c.toUpperCase());
export function transformEvent(event) {
  event.traits = Object.fromEntries(Object.entries(event.traits ?? {}).map(([k, v]) => [camel(k), v]));
  return event;
}`, `{"type":"identify","userId":"u","traits":{"plan_name":"gold","is_admin":true}}`, `[{"planName":"gold","isAdmin":true}]`, "traits"},
		{"mask an email", `
export function transformEvent(event) {
  const email = event.traits?.email;
  if (email) event.traits.email = email.replace(/^(.).*(@.*)$/, "$1***$2");
  return event;
}`, `{"type":"identify","userId":"u","traits":{"email":"alex@example.com"}}`, `["a***@example.com"]`, "traits.email"},
		{"mask an address", `
export function transformEvent(event, metadata) {
  const ip = event.request_ip;
  if (ip) event.request_ip = ip.replace(/\d{1,3}$/, "0");
  return event;
}`, `{"type":"page","userId":"u"}`, `["203.0.113.0"]`, "request_ip"},
		{"hash an email", `
import { sha256 } from "@rs/hash/v1";
export function transformEvent(event, metadata) {
  const email = event.context?.traits?.email;
  if (email) event.context.traits.email = sha256(email);
  return event;
}`, `{"type":"identify","userId":"u","context":{"traits":{"email":"alex@example.com"}}}`, `["6db61e6dcbcf2390e4a46af426f26a133a3bee45021422fc7ae86e9136f14110"]`, "context.traits.email"},
		{"sample by user", `
import { cyrb53 } from "@rs/hash/v1";
export function transformEvent(event, metadata) {
  const userId = event.userId;
  event.bucket = parseInt(cyrb53(userId)) % 10;
  return event;
}`, `{"type":"page","userId":"a"}`, `[1]`, "bucket"},
		{"split into several", `
export function transformEvent(event, metadata) {
  if (event.type === "track" && event.event === "Order Completed") {
    return event.properties.products.map(p => ({ ...event, event: "Bought " + p.name }));
  }
  return event;
}`, `{"type":"track","event":"Order Completed","userId":"u","properties":{"products":[{"name":"tea"},{"name":"cup"}]}}`, `["Bought tea","Bought cup"]`, "event"},
		{"an event and a copy of it", `
export function transformEvent(event, metadata) {
  const additional = JSON.parse(JSON.stringify(event));
  additional.event = "New Name";
  return [event, additional];
}`, `{"type":"track","event":"Old Name","userId":"u"}`, `["Old Name","New Name"]`, "event"},
		{"enrich from the metadata", `
export function transformEvent(event, metadata) {
  const meta = metadata(event);
  event.seen = [meta.sourceId, meta.sourceName, meta.destinationName, meta.destinationType, meta.eventType, meta.eventName, meta.messageId, meta.receivedAt, meta.jobId];
  return event;
}`, `{"type":"track","event":"E","userId":"u","messageId":"m1"}`, `[["web","web","refiner","REFINER","track","E","m1","2026-11-22T10:00:00.000Z",null]]`, "seen"},
		{"set a property for all events", `
export function transformEvent(event) { event.context = { ...event.context, os: { name: "Android" } }; return event }
`, `{"type":"track","event":"E","userId":"u","context":{"os":{"name":"iOS"}}}`, `["Android"]`, "context.os.name"},
		{"query parameters of a page", `
export function transformEvent(event, metadata) {
  const search = event.context?.page?.search;
  if (search) {
    event.context.page.parameters = {};
    search.substring(1).split("&").forEach(parameter => {
      const [key, value] = parameter.split("=");
      event.context.page.parameters[key] = decodeURIComponent(value);
    });
  }
  return event;
}`, `{"type":"page","userId":"u","context":{"page":{"search":"?a=1&b=x%20y"}}}`, `[{"a":"1","b":"x y"}]`, "context.page.parameters"},
		{"leave nulls out", `
export function transformEvent(event) {
  if (event.properties) {
    Object.keys(event.properties).forEach(key => { if (event.properties[key] === null) delete event.properties[key]; });
  }
  return event;
}`, `{"type":"track","event":"E","userId":"u","properties":{"a":null,"b":0}}`, `[{"b":0}]`, "properties"},
		{"clean a user id", `
export function transformEvent(event, metadata) {
  if (event.userId) {
    const cleaned = String(event.userId).split("|")[1];
    event.userId = cleaned ? cleaned : event.userId;
  }
  return event;
}`, `{"type":"page","userId":"auth0|5f7c8ec7c33c6c004bbafe82"}`, `["5f7c8ec7c33c6c004bbafe82"]`, "userId"},
		{"leave out robots", `
export function transformEvent(event, metadata) {
  const agent = (event["context"]["userAgent"] || "").toLowerCase();
  const robots = ['bot', 'crawler', 'spider'];
  if (robots.map(name => agent.includes(name)).some(elem => !!elem)) { return } else { return event }
}`, `{"type":"page","userId":"u","context":{"userAgent":"Googlebot/2.1"}}`, `[]`, "type"},
		{"make an identify of a track call", `
export function transformEvent(event) {
  if (event.event !== "Plan Changed") return event;
  return { type: "identify", userId: event.userId, messageId: event.messageId, traits: { plan: event.properties.plan } };
}`, `{"type":"track","event":"Plan Changed","userId":"u","properties":{"plan":"gold"}}`, `["identify"]`, "type"},
		{"convert a time", `
export function transformEvent(event) {
  event.traits.since = Math.floor(new Date(event.traits.createdAt).getTime() / 1000);
  return event;
}`, `{"type":"identify","userId":"u","traits":{"createdAt":"2026-01-02T03:04:05Z"}}`, `[1767323045]`, "traits.since"},
		{"keywords of a text", `
export function transformEvent(event, metadata) {
  const stop = ["the", "a", "is"];
  const words = event.properties.message.replaceAll(".", "").toLowerCase().split(" ");
  let counts = {};
  new Set(words).forEach(word => { if (!stop.includes(word)) counts = { ...counts, [word]: words.filter(w => w === word).length } });
  event.properties.keywords = Object.fromEntries(Object.entries(counts).sort(([, a], [, b]) => b - a).slice(0, 2));
  return event;
}`, `{"type":"track","event":"E","userId":"u","properties":{"message":"The tea is hot. Tea is good."}}`, `[{"tea":2,"hot":1}]`, "properties.keywords"},
		{"an async function", `
const pause = async v => v;
export async function transformEvent(event) {
  event.event = await Promise.resolve("waited ").then(async w => w + await pause(event.event));
  return event;
}`, `{"type":"track","event":"E","userId":"u"}`, `["waited E"]`, "event"},
		{"a fallback where there is no network", `
export async function transformEvent(event) {
  try { event.company = (await fetchV2("https://example.com/" + event.userId)).body } catch (e) { event.company = e.message }
  return event;
}`, `{"type":"page","userId":"u"}`, `["fetchV2 is not available: a transformation works with what the event brings"]`, "company"},
		{"a batch", `
export function transformBatch(events, metadata) {
  return events.filter(e => metadata(e).sourceName === "web").map(e => ({ ...e, event: e.event + " of " + events.length }));
}`, `{"type":"track","event":"E","userId":"u"}`, `["E of 1"]`, "event"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := newProgram(load(t, test.script), nil)
			if err != nil {
				t.Fatal(err)
			}
			in := input(t, test.in)
			out := p.newRun().transform(event.Enrich(in.Event, in.Envelope), metadataOf(in))
			if out.failed != nil {
				t.Fatal(out.failed)
			}
			got := []json.RawMessage{}
			for _, data := range out.events {
				e, err := event.Parse(data, anyEvent)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Get(strings.Split(test.pick, ".")...).Raw())
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
