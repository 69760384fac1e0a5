package refiner_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"tanker/refiner"
)

// TestNothingIsWrittenWithoutPermission makes calls over a connection that is kept and over a new one.
func TestNothingIsWrittenWithoutPermission(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	var permitted atomic.Bool
	client, err := refiner.New(refiner.Options{
		Endpoint: server.URL, APIKey: "api-key-of-the-test", Permit: permitted.Load,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i, allow := range []bool{false, true, true, false, false, true} {
		permitted.Store(allow)
		before := calls.Load()
		_, err := client.Do(t.Context(), refiner.Request{Method: http.MethodPost, Path: "/v1/track-event", Body: []byte(`{"id":"u1"}`)})
		if arrived := calls.Load() > before; arrived != allow || (err == nil) != allow {
			t.Errorf("call %d, permitted: %t: arrived: %t, %v", i, allow, arrived, err)
		}
	}
}
