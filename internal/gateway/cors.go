package gateway

import "net/http"

// Header values that every answer shares. They are never changed.
var (
	varyOrigin    = []string{"Origin"}
	varyPreflight = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
	corsTrue      = []string{"true"}
	corsMaxAge    = []string{"900"} // seconds a browser may remember a preflight
)

// allowOrigin sets the CORS headers of an answer. Web pages of any origin may send events, with
// credentials, as the JavaScript SDK does. It reports whether the request is a preflight, which is answered by
// these headers alone, on any path.
func allowOrigin(h http.Header, r *http.Request) (preflight bool) {
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		allowPreflight(h, r.Header)
		return true
	}
	h["Vary"] = varyOrigin
	if origin := r.Header["Origin"]; len(origin) > 0 && origin[0] != "" && corsMethod(r.Method) {
		h["Access-Control-Allow-Origin"] = origin[:1]
		h["Access-Control-Allow-Credentials"] = corsTrue
	}
	return false
}

func allowPreflight(h, request http.Header) {
	h["Vary"] = varyPreflight
	origin, method := request["Origin"], request["Access-Control-Request-Method"]
	if len(origin) == 0 || origin[0] == "" || !corsMethod(method[0]) {
		return
	}
	h["Access-Control-Allow-Origin"] = origin[:1]
	h["Access-Control-Allow-Methods"] = method[:1]
	if names := request["Access-Control-Request-Headers"]; len(names) > 0 && names[0] != "" {
		h["Access-Control-Allow-Headers"] = names[:1]
	}
	h["Access-Control-Allow-Credentials"] = corsTrue
	h["Access-Control-Max-Age"] = corsMaxAge
}

// corsMethod reports whether pages may use the method. OPTIONS itself always passes.
func corsMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}
