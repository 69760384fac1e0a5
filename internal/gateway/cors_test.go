package gateway_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/gateway"
)

const jsHeaders = "anonymousid,authorization,content-type,rsa-recovered,rsa-retry-attempt,rsa-retry-reason,rsa-since-first-attempt,rsa-since-last-attempt,sentat"

// corsHeaders are the headers of an answer that CORS is about.
func (a answer) corsHeaders() http.Header {
	got := http.Header{}
	for _, name := range []string{"Vary", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
		"Access-Control-Allow-Credentials", "Access-Control-Max-Age", "Access-Control-Expose-Headers"} {
		if v, ok := a.header[name]; ok {
			got[name] = v
		}
	}
	return got
}

func TestPreflight(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	const vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	onlyVary := http.Header{"Vary": {vary}}
	for _, tc := range []struct {
		name   string
		header []string
		want   http.Header
	}{
		{"of the JavaScript SDK", []string{"Origin", "https://shop.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", jsHeaders}, http.Header{
			"Vary":                             {vary},
			"Access-Control-Allow-Origin":      {"https://shop.example"},
			"Access-Control-Allow-Methods":     {"POST"},
			"Access-Control-Allow-Headers":     {jsHeaders},
			"Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Max-Age":           {"900"},
		}},
		{"without headers to ask for", []string{"Origin", "null", "Access-Control-Request-Method", "GET"}, http.Header{
			"Vary":                             {vary},
			"Access-Control-Allow-Origin":      {"null"},
			"Access-Control-Allow-Methods":     {"GET"},
			"Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Max-Age":           {"900"},
		}},
		{"for a method that is not allowed", []string{"Origin", "https://shop.example", "Access-Control-Request-Method", "PUT"}, onlyVary},
		{"without an origin", []string{"Access-Control-Request-Method", "POST"}, onlyVary},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, path := range []string{"/v1/track", "/v1/batch", "/health", "/no/such/path"} {
				got := s.do(http.MethodOptions, path, nil, tc.header...)
				if got.status != http.StatusNoContent || got.body != "" {
					t.Errorf("%s: got %d %q", path, got.status, got.body)
				}
				if diff := cmp.Diff(tc.want, got.corsHeaders()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
			}
		})
	}
}

func TestCORSOfOtherRequests(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, tc := range []struct {
		name, method, path string
		header             []string
	}{
		{"success", "POST", "/v1/track", []string{"Authorization", basic(webKey)}},
		{"no key", "POST", "/v1/track", nil},
		{"unknown path", "POST", "/v1/nothing", nil},
		{"wrong method", "GET", "/v1/track", nil},
		{"OPTIONS without a method to ask for", "OPTIONS", "/v1/track", nil},
		{"health", "GET", "/health", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := s.do(tc.method, tc.path, http.NoBody, tc.header...)
			if diff := cmp.Diff(http.Header{"Vary": {"Origin"}}, got.corsHeaders()); diff != "" {
				t.Errorf("without origin (-want +got):\n%s", diff)
			}
			got = s.do(tc.method, tc.path, http.NoBody, append([]string{"Origin", "https://shop.example"}, tc.header...)...)
			want := http.Header{"Vary": {"Origin"}, "Access-Control-Allow-Origin": {"https://shop.example"}, "Access-Control-Allow-Credentials": {"true"}}
			if diff := cmp.Diff(want, got.corsHeaders()); diff != "" {
				t.Errorf("with origin (-want +got):\n%s", diff)
			}
		})
	}
	got := s.do("DELETE", "/v1/track", nil, "Origin", "https://shop.example")
	if diff := cmp.Diff(http.Header{"Vary": {"Origin"}}, got.corsHeaders()); diff != "" {
		t.Errorf("a method that is not allowed (-want +got):\n%s", diff)
	}
}

func TestOptionsWithoutMethodIsNoPreflight(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	if got := s.do("OPTIONS", "/v1/track", nil, "Origin", "https://shop.example"); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("got %d, Allow %q", got.status, got.header.Get("Allow"))
	}
}
