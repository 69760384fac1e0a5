package transformer

import (
	"net/http"
	"strconv"
)

// Header values that many answers share. They are never changed.
var (
	contentJSON = []string{"application/json; charset=utf-8"}
	contentText = []string{"text/plain; charset=utf-8"}
	apiVersion  = []string{"2"}
)

// answer sends what a route has made: rudder-server wants the version of the API beside it, and panics otherwise.
func answer(w http.ResponseWriter, status int, body []byte) {
	// rudder-server reads headers by their canonical name, which this is.
	w.Header()["Apiversion"] = apiVersion
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that is gone cannot be told
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header()["Content-Type"] = contentText
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // as above
}

func notFound(w http.ResponseWriter) { writeText(w, http.StatusNotFound, "Not Found") }

func unknownDestination(w http.ResponseWriter, name string) {
	body := appendString([]byte(`{"error":`), "Unknown destination: "+name)
	writeJSON(w, http.StatusNotFound, append(body, '}'))
}

// failure is the answer to a request that fails as a whole.
type failure struct {
	status  int
	class   string // what the status means, in words
	message string
	retry   bool // rudder-server is to send the request again
}

func internalError(message string) *failure {
	return &failure{status: http.StatusInternalServerError, class: "Internal Server Error", message: message}
}

func badRequest(message string) *failure {
	return &failure{status: http.StatusBadRequest, class: "Bad Request", message: message}
}

var (
	errTooLarge = &failure{
		status: http.StatusRequestEntityTooLarge, class: "Payload Too Large",
		message: "the body is larger than the limit: raise max_body, or let rudder-server send fewer events at a time",
	}
	errNoMemory = &failure{
		status: http.StatusServiceUnavailable, class: "Service Unavailable", retry: true,
		message: "too many bytes of requests are under way: try again",
	}
)

func (f *failure) write(w http.ResponseWriter) {
	if f.retry {
		w.Header().Set("X-Rudder-Should-Retry", "true")
		w.Header().Set("X-Rudder-Error-Reason", "memory_fencing")
	}
	body := appendString([]byte(`{"error":`), f.class)
	body = appendString(append(body, `,"message":`...), f.message)
	writeJSON(w, f.status, append(body, '}'))
}

// appendString writes text, in UTF-8, as JSON.
func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
