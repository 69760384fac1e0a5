package refiner_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tanker/refiner"
	"tanker/refiner/refinertest"
)

const key = "sandbox-key-0123456789"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns a client of o whose connections are closed at the end of the test.
func newClient(t testing.TB, o refiner.Options) *refiner.Client {
	t.Helper()
	if o.APIKey == "" {
		o.APIKey = key
	}
	client, err := refiner.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// newSandbox returns a sandbox and a client of it, without a network between them.
func newSandbox(t testing.TB, o refinertest.Options) (*refinertest.Sandbox, *refiner.Client) {
	t.Helper()
	sandbox := refinertest.New(o)
	return sandbox, newClient(t, refiner.Options{Transport: sandbox.Transport()})
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answering returns a client that gets the same answer to every call.
func answering(t testing.TB, status int, body string, header ...string) *refiner.Client {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return newClient(t, refiner.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode:    status,
			Header:        h,
			Body:          io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)),
		}, nil
	})})
}

var identify = refiner.Request{Method: http.MethodPost, Path: "/v1/identify-user", Body: []byte(`{"id":"u1"}`)}
