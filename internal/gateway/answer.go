package gateway

import (
	"net/http"
	"strconv"
)

// refusal is an answer other than 200. The texts are RudderStack's, word for word: SDKs look for them.
type refusal struct {
	status int
	text   string
	reason string // stable code, for logs and metrics
	ours   bool   // the service is at fault, which its operator should hear of
	cause  error  // what lies behind it; not shown to the caller
}

// because returns the refusal with its cause.
func (r *refusal) because(err error) *refusal {
	c := *r
	c.cause = err
	return &c
}

var (
	noWriteKey        = &refusal{status: http.StatusUnauthorized, text: "failed to read writekey from header", reason: "no_write_key"}
	noWriteKeyInQuery = &refusal{status: http.StatusUnauthorized, text: "failed to read writekey from query params", reason: "no_write_key"}
	unknownWriteKey   = &refusal{status: http.StatusUnauthorized, text: "invalid write key", reason: "unknown_write_key"}
	sourceDisabled    = &refusal{status: http.StatusNotFound, text: "source is disabled", reason: "source_disabled"}
	invalidJSON       = &refusal{status: http.StatusBadRequest, text: "invalid json", reason: "invalid_json"}
	notAnEvent        = &refusal{status: http.StatusBadRequest, text: "event is not a valid rudder event", reason: "not_an_event"}
	emptyBatch        = &refusal{status: http.StatusBadRequest, text: "empty batch payload", reason: "empty_batch"}
	unidentified      = &refusal{status: http.StatusBadRequest, text: "request neither has anonymousId nor userId", reason: "no_identity"}
	tooLarge          = &refusal{status: http.StatusRequestEntityTooLarge, text: "request size exceeds max limit", reason: "too_large"}
	unavailable       = &refusal{status: http.StatusServiceUnavailable, text: "service unavailable", reason: "unavailable", ours: true}
	tooManyRequests   = &refusal{status: http.StatusServiceUnavailable, text: "Service Unavailable", reason: "too_many_requests", ours: true}
	outOfMemory       = &refusal{status: http.StatusServiceUnavailable, text: "service unavailable", reason: "out_of_memory", ours: true}
	full              = &refusal{status: http.StatusServiceUnavailable, text: "service unavailable", reason: "journal_full", ours: true}
	timedOut          = &refusal{status: http.StatusGatewayTimeout, text: "gateway timeout", reason: "append_timeout", ours: true}
	callerGone        = &refusal{status: http.StatusServiceUnavailable, text: "service unavailable", reason: "caller_gone"}
	crashed           = &refusal{status: http.StatusInternalServerError, text: "internal server error", reason: "internal_error"}

	// unreadable stands for a broken read and for data that is not gzip though the header says so. A 4xx would make
	// SDKs drop the events; but SDKs keep events uncompressed and compress them anew for each try, so
	// what a bad proxy damaged can arrive whole the next time.
	unreadable = &refusal{status: http.StatusInternalServerError, text: "failed to read body from request", reason: "unreadable_body"}

	// tooSlow is the answer when the body does not arrive within ServerOptions.BodyTimeout. RudderStack waits for ever;
	// the JavaScript SDK gives a request up after half that time.
	tooSlow = &refusal{status: http.StatusRequestTimeout, text: "failed to read body from request", reason: "slow_body"}
)

// retryAfter is how long a client is asked to wait when the service cannot take events.
const retryAfter = "5" // seconds

// Header values that many answers share. They are never changed.
var (
	okLength    = []string{"2"}
	contentText = []string{"text/plain; charset=utf-8"}
	contentJSON = []string{"application/json; charset=utf-8"}
	okBody      = []byte("ok")
)

func writeOK(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = contentText
	h["Content-Length"] = okLength
	_, _ = w.Write(okBody) // a caller that is gone cannot be told
}

func writeRefusal(w http.ResponseWriter, r *refusal) {
	if r.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	http.Error(w, r.text, r.status)
}

func writeJSON(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h["Content-Type"] = contentJSON
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
