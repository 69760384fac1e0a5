package gateway

import (
	"net/http"
	"strings"
	"testing"
)

func TestClientIP(t *testing.T) {
	for _, tc := range []struct{ name, forwarded, remote, want string }{
		{"the connection's", "", "198.51.100.7:4711", "198.51.100.7"},
		{"IPv6 keeps its brackets", "", "[::1]:4711", "[::1]"},
		{"unknown", "", "", ""},
		{"a connection without a port", "", "@", ""},
		{"forwarded", "203.0.113.9", "10.0.0.1:1", "203.0.113.9"},
		{"the first of several", "203.0.113.9, 198.51.100.1, 10.0.0.2", "10.0.0.1:1", "203.0.113.9"},
		{"spaces are removed", "  203.0.113.9 ,x", "10.0.0.1:1", "203.0.113.9"},
		{"spaces inside too", "203.0. 113.9", "10.0.0.1:1", "203.0.113.9"},
		{"forwarded IPv6", "2001:db8::1", "10.0.0.1:1", "2001:db8::1"},
		{"forwarded with brackets and port", "[2001:db8::1%eth0]:443", "10.0.0.1:1", "[2001:db8::1%eth0]:443"},
		{"a name", "unknown", "10.0.0.1:1", "unknown"},
		{"an empty first item", ",203.0.113.9", "10.0.0.1:1", "10.0.0.1"},
		{"a blank first item", "  ,203.0.113.9", "10.0.0.1:1", "10.0.0.1"},
		{"as long as can be", strings.Repeat("a", 64), "10.0.0.1:1", strings.Repeat("a", 64)},
		{"too long", strings.Repeat("a", 65), "10.0.0.1:1", "10.0.0.1"},
		{"markup", "<script>", "10.0.0.1:1", "10.0.0.1"},
		{"a quote", `1.2.3.4"`, "10.0.0.1:1", "10.0.0.1"},
		{"a tab", "1.2.3.4\t", "10.0.0.1:1", "10.0.0.1"},
		{"no UTF-8", "\xff\xfe", "10.0.0.1:1", "10.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &http.Request{Header: http.Header{}, RemoteAddr: tc.remote}
			if tc.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tc.forwarded)
			}
			r.Header.Set("X-Real-IP", "192.0.2.1") // is not looked at
			if got := clientIP(r); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
