package script

import (
	"strings"
	"time"

	"github.com/dop251/goja"
)

// Metadata is what a script learns of an event beside the event.
type Metadata struct {
	// Source and Destination are the names of where the event comes from and goes to.
	Source, Destination string

	// MessageID, RudderID, EventName and EventType are the event's. ReceivedAt is when it was accepted.
	MessageID, RudderID, EventName, EventType string
	ReceivedAt                                time.Time
}

// destinationType is what RudderStack calls the destination.
const destinationType = "REFINER"

// metadata makes the function metadata(event). It always tells of the event that is being transformed, whatever it is
// called with, and makes a new object each time.
func (r *run) metadata(about Metadata) func(goja.FunctionCall) goja.Value {
	return func(goja.FunctionCall) goja.Value {
		o := r.vm.NewObject()
		for _, member := range [...][2]string{
			{"sourceId", about.Source},
			{"sourceName", about.Source},
			{"destinationId", about.Destination},
			{"destinationName", about.Destination},
			{"destinationType", destinationType},
			{"messageId", about.MessageID},
			{"rudderId", about.RudderID},
			{"eventName", about.EventName},
			{"eventType", about.EventType},
			{"receivedAt", about.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000Z07:00")},
		} {
			if member[1] != "" {
				_ = o.Set(member[0], member[1])
			}
		}
		return o
	}
}

// provide sets the functions that every script finds.
func (r *run) provide() {
	global := r.vm.GlobalObject()
	_ = global.Set("global", global)
	_ = global.Set("log", r.logLine)
	for _, name := range []string{"fetch", "fetchV2", "geolocation", "getCredential"} {
		_ = global.Set(name, func(goja.FunctionCall) goja.Value {
			panic(r.vm.NewTypeError("%s is not available: a transformation works with what the event brings", name))
		})
	}
}

// logLine is the function log(…).
func (r *run) logLine(call goja.FunctionCall) goja.Value {
	if len(r.log) >= maxLines {
		return goja.Undefined()
	}
	var line strings.Builder
	for i, argument := range call.Arguments {
		if i > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(r.shown(argument))
		if line.Len() > maxLine {
			break
		}
	}
	r.log = append(r.log, shortened(line.String(), maxLine))
	return goja.Undefined()
}

// shown is a logged value as text: objects as JSON.
func (r *run) shown(v goja.Value) string {
	if _, object := v.(*goja.Object); object {
		if text, err := r.write(nil, v); err == nil && !goja.IsUndefined(text) {
			return text.String()
		}
	}
	return v.String()
}
