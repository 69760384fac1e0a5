package transformer_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/transformer"
)

// other is another transformer, which says what it was asked.
type other struct {
	*httptest.Server
	features atomic.Pointer[string]
	asked    atomic.Int64
}

func newOther(t *testing.T) (*other, *transformer.Handler) {
	t.Helper()
	o := &other{}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	u, err := url.Parse(o.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, transformer.Options{Upstream: u})
	t.Cleanup(h.Close)
	return o, h
}

func (o *other) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.asked.Add(1)
	if r.URL.Path == "/base/features" {
		features := o.features.Load()
		if features == nil {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, *features)
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("apiVersion", "2")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("X-Content-Format")+" "+string(body))
}

func TestOtherDestinationsArePassedOn(t *testing.T) {
	o, h := newOther(t)
	for _, test := range []struct{ method, path, body string }{
		{"POST", "/v0/destinations/am", `[{"a": 1.0}]`},
		{"POST", "/v1/destinations/am/proxy?a=b", `{}`},
		{"POST", "/v1/destinations/refiner", `[]`},
		{"POST", "/routerTransform", `{"destType": "am", "input": [1.0]}`},
		{"POST", "/batch", `{"destType": "am", "input": []}`},
		{"POST", "/customTransform", `[]`},
		{"POST", "/v2/sources/shopify", `[]`},
		{"DELETE", "/anything", ``},
	} {
		got := send(h, test.method, test.path, test.body, "X-Content-Format", "F")
		if want := test.method + " /base" + test.path + " F " + test.body; got.status != 202 || got.body != want || got.header.Get("apiVersion") != "2" {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
	before := o.asked.Load()
	for _, own := range []struct{ path, body string }{
		{processorPath, `[{"message":` + track + `,"destination":` + destination + `}]`},
		{routerPath, `{"destType":"refiner","input":[{"message":` + track + `,"destination":` + destination + `}]}`},
		{"/batch", `{"destType":"refiner","input":[]}`},
	} {
		if got := send(h, "POST", own.path, own.body); got.status != 200 {
			t.Errorf("%s: %+v", own.path, got)
		}
	}
	if send(h, "GET", "/health", ""); o.asked.Load() != before {
		t.Error("what is for Refiner was passed on")
	}
	o.Close()
	if got := send(h, "POST", "/customTransform", "[]"); got.status != 502 || !strings.Contains(got.body, "is it running?") {
		t.Errorf("closed: %+v", got)
	}
}

func TestFeaturesAreMerged(t *testing.T) {
	o, h := newOther(t)
	if got := send(h, "GET", "/features", ""); got.status != 502 {
		t.Errorf("before there are any: %+v", got)
	}
	theirs := `{"routerTransform":{"AM":true},"regulations":["AM"],"supportTransformerProxyV1":false}`
	o.features.Store(&theirs)
	want := map[string]any{
		"routerTransform": map[string]any{"AM": true, "REFINER": true}, "regulations": []any{"AM"}, "supportTransformerProxyV1": false,
	}
	check := func(when string) {
		t.Helper()
		got := send(h, "GET", "/features", "")
		var features map[string]any
		if err := json.Unmarshal([]byte(got.body), &features); err != nil || got.status != 200 {
			t.Fatalf("%s: %+v", when, got)
		}
		if diff := cmp.Diff(want, features); diff != "" {
			t.Errorf("%s: -want +got\n%s", when, diff)
		}
	}
	check("merged")
	for _, bad := range []string{"", "[]", `{"a":1}`} {
		o.features.Store(&bad)
		check("answered " + bad)
	}
	o.Close()
	check("gone")
}
