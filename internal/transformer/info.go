package transformer

import "net/http"

// serveHealth answers /health: whoever can ask is answered.
func (h *Handler) serveHealth(w http.ResponseWriter) {
	body := []byte(`{"service":"UP"`)
	if h.options.Version != "" {
		body = appendString(append(body, `,"version":`...), h.options.Version)
	}
	if h.options.Commit != "" {
		body = appendString(append(body, `,"gitCommitSha":`...), h.options.Commit)
	}
	writeJSON(w, http.StatusOK, append(body, '}'))
}

// features is what rudder-server asks for before anything else: that events of Refiner are transformed by its router,
// and how it may send them.
const features = `{"routerTransform":{"REFINER":true},"regulations":[],"supportSourceTransformV1":true,` +
	`"supportTransformerProxyV1":true,"upgradedToSourceTransformV2":true,"supportDestTransformCompactedPayloadV1":true}`

// serveVersion answers the routes that ask for the version.
func (h *Handler) serveVersion(w http.ResponseWriter) {
	version := h.options.Version
	if version == "" {
		version = "Version Info not found"
	}
	writeText(w, http.StatusOK, version)
}
