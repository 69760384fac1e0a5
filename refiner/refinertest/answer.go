package refinertest

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// answer is what a call is answered with. Without a status the connection is cut.
type answer struct {
	status int
	header map[string]string
	body   []byte
	drop   bool
}

var (
	jsonType = []string{"application/json"}
	accepted = answer{status: http.StatusOK, body: []byte(`{"message":"ok"}`)}
)

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = jsonType
	for name, value := range a.header {
		h.Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func encoded(status int, v any) answer {
	body, err := marshal(v)
	if err != nil {
		return failure(http.StatusInternalServerError, err.Error())
	}
	return answer{status: status, body: body}
}

// failure says what is wrong with a call. (Assumed: the shape is that of the key's refusal.)
func failure(status int, message string) answer {
	return encoded(status, map[string]string{"message": message})
}

// tooOften does not say which limit was reached, as Refiner does not.
func tooOften(wait time.Duration) answer {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return answer{
		status: http.StatusTooManyRequests,
		header: map[string]string{"Retry-After": strconv.Itoa(seconds)},
		body:   []byte(`{"error":"You are doing this too often."}`),
	}
}
