package gateway

import (
	"encoding/json"
	"net/http"
	"time"
)

// Version is what /version says of the running program.
type Version struct {
	Version   string // release, such as "1.2.0"
	Commit    string // revision of the source code
	BuildDate string // RFC 3339
	BuiltBy   string
}

// serveHealth answers /health and /: the process is up and its journal can be reached. The words are those of
// RudderStack's server, which monitoring and load balancers may look for.
func (g *Gateway) serveHealth(w http.ResponseWriter, _ *http.Request) {
	if err := g.options.Health(); err != nil {
		http.Error(w, "Cannot connect to db", http.StatusServiceUnavailable)
		return
	}
	accepting, lastSync := "FALSE", ""
	if table := g.sources.Load(); table != nil {
		accepting, lastSync = "TRUE", table.since.Format(time.RFC3339)
	}
	answerJSON(w, struct {
		AppType            string `json:"appType"`
		Server             string `json:"server"`
		DB                 string `json:"db"`
		AcceptingEvents    string `json:"acceptingEvents"`
		RoutingEvents      string `json:"routingEvents"`
		Mode               string `json:"mode"`
		BackendConfigMode  string `json:"backendConfigMode"`
		LastSync           string `json:"lastSync"`
		LastRegulationSync string `json:"lastRegulationSync"`
	}{"EMBEDDED", "UP", "UP", accepting, "TRUE", "NORMAL", "JSON", lastSync, ""})
}

// serveReady answers /ready: 200 if events would be accepted now, else 503 with the reason.
func (g *Gateway) serveReady(w http.ResponseWriter, _ *http.Request) {
	err := g.options.Ready()
	if g.sources.Load() == nil {
		err = errLoading
	}
	if err != nil {
		w.Header().Set("Retry-After", retryAfter)
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	writeOK(w)
}

// serveVersion answers /version.
func (g *Gateway) serveVersion(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, struct {
		Version
		Features []string
	}{g.options.Version, []string{"gzip-req-payload"}})
}

// serveRobots answers /robots.txt: nothing here is for search engines.
func (g *Gateway) serveRobots(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("User-agent: * \nDisallow: / \n"))
}

func answerJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of strings
	}
	writeJSON(w, body)
}
