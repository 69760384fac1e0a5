package transformer_test

import (
	"strings"
	"testing"

	"tanker/internal/transformer"
)

// TestDynamicConfig shows what becomes of a Config and of the event, as the router echoes the one and maps the other.
func TestDynamicConfig(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	for _, test := range []struct{ name, config, message, resolved, form string }{
		{"from the event", `{"apiKey":"{{ event.traits.key || \"none\" }}"}`, `{"type":"identify","userId":"u","traits":{"key":"K1","a":1}}`, `{"apiKey":"K1"}`, `{"a":1,"userId":"u"}`},
		{"by its full name", `{"apiKey":"{{message.traits.key||none}}"}`, `{"type":"identify","userId":"u","traits":{"key":"K1","a":1}}`, `{"apiKey":"K1"}`, `{"a":1,"userId":"u"}`},
		{"the default", `{"apiKey":" {{ event.traits.key || \"no || ne\"  }} "}`, track, `{"apiKey":"no || ne"}`, `{"id":"u","event":"E"}`},
		{"null is the default", `{"apiKey":"{{ event.key || d }}"}`, `{"type":"track","userId":"u","event":"E","key":null}`, `{"apiKey":"d"}`, `{"id":"u","event":"E"}`},
		{"used once", `{"apiKey":"{{event.key||d}}","x":["{{event.key||e}}",{"y":"{{event.key || f}}"}]}`, `{"type":"track","userId":"u","event":"E","key":"K"}`, `{"apiKey":"K","x":["e",{"y":"f"}]}`, `{"id":"u","event":"E"}`},
		{"any value", `{"apiKey":"K","n":"{{event.n||1}}","o":"{{event.o||1}}"}`, `{"type":"track","userId":"u","event":"E","n":0,"o":{"a":1.0}}`, `{"apiKey":"K","n":0,"o":{"a":1.0}}`, `{"id":"u","event":"E"}`},
		{"what the event needs", `{"apiKey":"{{event.event||d}}"}`, track, `{"apiKey":"E"}`, "-"},
		{"from elsewhere", `{"apiKey":"{{metadata.workspaceId||d}}","d":"{{destination.ID||x}}"}`, track, `{"apiKey":"ws","d":"d"}`, `{"id":"u","event":"E"}`},
		{"in escapes", `{"apiKey":"\u007b\u007b event.key || d }}"}`, track, `{"apiKey":"d"}`, `{"id":"u","event":"E"}`},
		{"no default", `{"apiKey":"{{ event.key }}"}`, track, `{"apiKey":"{{ event.key }}"}`, `{"id":"u","event":"E"}`},
		{"no path", `{"apiKey":"{{ event.a-b || c }}","b":"x{{ event.key || d }}","c":"{{ event.0 || d }}"}`, track, `{"apiKey":"{{ event.a-b || c }}","b":"x{{ event.key || d }}","c":"{{ event.0 || d }}"}`, `{"id":"u","event":"E"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := func(more string) string {
				return `{"destType":"refiner","input":[{"message":` + test.message + `,"metadata":{"workspaceId":"ws"},"destination":{"ID":"d","Config":` + test.config + more + `}}]}`
			}
			got := send(h, "POST", routerPath, body(`,"x":1`))
			if want := `"destination":{"ID":"d","Config":` + test.resolved + `,"x":1}}]}`; !strings.HasSuffix(got.body, want) {
				t.Errorf("want %s in %s", want, got.body)
			}
			if f := forms(t, got.body); len(f) != 1 || f[0] != test.form {
				t.Errorf("form %s, want %s", f, test.form)
			}
			if !strings.Contains(got.body, `"metadata":[{"workspaceId":"ws"}]`) {
				t.Errorf("the metadata has changed: %s", got.body)
			}
			fixed := send(h, "POST", routerPath, body(`,"hasDynamicConfig":false`))
			if want := `"Config":` + test.config + `,`; !strings.Contains(fixed.body, want) {
				t.Errorf("want %s in %s", want, fixed.body)
			}
		})
	}
}

// TestDynamicConfigOfEachEvent gives events of one destination keys of their own.
func TestDynamicConfigOfEachEvent(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	var items []string
	for _, key := range []string{"a", "b", "a"} {
		items = append(items, `{"message":{"type":"track","userId":"u","event":"E","key":"`+key+`"},"metadata":{"jobId":"`+key+`"},"destination":{"Config":{"apiKey":"{{event.key||d}}"}}}`)
	}
	got := send(h, "POST", processorPath, "["+strings.Join(items, ",")+"]")
	for i, want := range []string{"a", "b", "a"} {
		part := strings.Split(got.body, `"Authorization":"Bearer `)[i+1]
		if !strings.HasPrefix(part, want+`"`) || !strings.Contains(part, `{"jobId":"`+want+`"}`) {
			t.Errorf("event %d: %s", i, part)
		}
	}
}
