package gateway

import (
	"net/http"
	"strings"
)

// maxAddress is the longest address taken from a header: an IPv6 address with zone, brackets and port fits.
const maxAddress = 64

// clientIP is the caller's address: the first item of X-Forwarded-For with its spaces removed, else the
// address of the connection without the port (an IPv6 address keeps its brackets). A header item that cannot
// be an address is passed over, since anyone may send one and it is stored with each event.
func clientIP(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if first != "" && len(first) <= maxAddress {
		if address := strings.ReplaceAll(first, " ", ""); isAddress(address) {
			return address
		}
	}
	if port := strings.LastIndexByte(r.RemoteAddr, ':'); port >= 0 {
		return r.RemoteAddr[:port]
	}
	return ""
}

// isAddress accepts what addresses, host names and the made-up names of RFC 7239 are written with.
func isAddress(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(".:%_-[]", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
