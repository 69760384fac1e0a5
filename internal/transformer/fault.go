package transformer

import (
	"errors"

	"tanker/event"
	"tanker/mapping"
)

// fault is why no request was made of an event.
type fault struct {
	status   int
	message  string
	category string // statTags.errorCategory
	kind     string // statTags.errorType; "" if there is none
}

const (
	dataValidation  = "dataValidation"
	instrumentation = "instrumentation"
	transformation  = "transformation"

	// filtered is the status of an event that is not for this destination: rudder-server drops it without an error.
	filtered = 298
)

// exception is an error of the code, not of the event.
func exception(message string) *fault {
	return &fault{status: 500, message: message, category: transformation}
}

// faultOf is how the mapping's refusal is told.
func faultOf(err error) *fault {
	if own, ok := errors.AsType[*mapping.UpstreamError](err); ok {
		return &fault{status: own.Status, message: own.Message, category: own.Category, kind: own.Type}
	}
	f := &fault{status: 400, message: err.Error(), category: dataValidation, kind: instrumentation}
	if refusal, ok := errors.AsType[*mapping.Refusal](err); ok {
		f.message = refusal.Message
		if refusal.Outcome == mapping.Filtered {
			f.status = filtered
		}
	}
	return f
}

// tags says where an event failed, for RudderStack's statistics.
type tags struct {
	feature  string
	metadata event.Value // of the event, or of the first one of its group
	always   bool        // also of an exception
}

// append appends the members statusCode, error and statTags.
func (f *fault) append(out []byte, t tags) []byte {
	out = appendStatus(append(out, `"statusCode":`...), f.status)
	out = appendString(append(out, `,"error":`...), f.message)
	out = append(out, `,"statTags":{"errorCategory":`...)
	out = appendString(out, f.category)
	if f.kind != "" {
		out = appendString(append(out, `,"errorType":`...), f.kind)
	}
	if f.kind != "" || t.always {
		out = append(out, `,"destType":"REFINER","module":"destination","implementation":"native","feature":`...)
		out = appendString(out, t.feature)
		out = appendTag(out, `,"destinationId":`, t.metadata.Get("destinationId"))
		out = appendTag(out, `,"workspaceId":`, t.metadata.Get("workspaceId"))
	}
	return append(out, '}')
}

// appendTag appends what the metadata says of something. rudder-server takes texts only.
func appendTag(out []byte, name string, v event.Value) []byte {
	switch v.Kind() {
	case event.Absent, event.Null:
		return out
	case event.String:
		return append(append(out, name...), v.Raw()...)
	default:
		return appendString(append(out, name...), v.Text())
	}
}

// appendStatus writes a status of three digits.
func appendStatus(out []byte, status int) []byte {
	return append(out, byte('0'+status/100), byte('0'+status/10%10), byte('0'+status%10))
}
