package transformer_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tanker/internal/transformer"
	"tanker/mapping"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHandler(t testing.TB, o transformer.Options) *transformer.Handler {
	t.Helper()
	h, err := transformer.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request; headers come in pairs. A body is JSON unless they say otherwise.
func send(h http.Handler, method, path, body string, headers ...string) reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	result := w.Result()
	data, _ := io.ReadAll(result.Body)
	return reply{result.StatusCode, result.Header, string(data)}
}

const (
	processorPath = "/v0/destinations/refiner"
	routerPath    = "/routerTransform"
	compacted     = "json+compactedv1"
)

// recorded is what rudder-transformer made of a message.
type recorded struct {
	Name           string          `json:"name"`
	Message        json.RawMessage `json:"message"`
	Config         json.RawMessage `json:"config"`
	Output         json.RawMessage `json:"output"`
	FormEncoded    string          `json:"formEncoded"`
	Error          json.RawMessage `json:"error"`
	Status         json.RawMessage `json:"statusCode"`
	StatTags       json.RawMessage `json:"statTags"`
	RouterStatTags json.RawMessage `json:"routerStatTags"`
}

// recordings are the ones that the mapping is tested with as well.
func recordings(t testing.TB) []recorded {
	t.Helper()
	data, err := os.ReadFile("../../mapping/testdata/rudder-transformer.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var list []recorded
	for line := range bytes.Lines(data) {
		var r recorded
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if len(list) < 80 {
		t.Fatalf("only %d recordings", len(list))
	}
	return list
}

func (r recorded) failed() bool { return r.Error != nil }

// metadata is that of the recordings.
const metadata = `{"jobId":1,"destinationId":"dest-1","workspaceId":"ws-1"}`

func documented(t testing.TB) *transformer.Handler {
	t.Helper()
	return newHandler(t, transformer.Options{Profile: mapping.Documented})
}

// readFunc is a body of nothing that does something when it is read.
type readFunc func()

func (f *readFunc) Read([]byte) (int, error) {
	if *f != nil {
		(*f)()
		*f = nil
	}
	return 0, io.EOF
}
