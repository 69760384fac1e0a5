package gateway

import "net/http"

// sourceConfig is what RudderStack's control plane tells an SDK about its source before the SDK sends anything. The SDKs
// for browsers and phones need it to start. No destination is named: they would try to load its own SDK into the app, and
// here everything goes through the gateway. Statistics about the SDK itself are switched off.
type sourceConfig struct {
	Source struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		Enabled     bool   `json:"enabled"`
		WorkspaceID string `json:"workspaceId"`
		UpdatedAt   string `json:"updatedAt"`
		Config      struct {
			StatsCollection struct {
				Errors  switchedOff `json:"errors"`
				Metrics switchedOff `json:"metrics"`
			} `json:"statsCollection"`
		} `json:"config"`
		Destinations []struct{} `json:"destinations"`
		Dataplanes   struct{}   `json:"dataplanes"`
	} `json:"source"`
	UpdatedAt string `json:"updatedAt"`
}

type switchedOff struct {
	Enabled bool `json:"enabled"`
}

// serveSourceConfig answers /sourceConfig in the place of RudderStack's control plane. The key comes as for events, or as
// the parameter writeKey.
func (g *Gateway) serveSourceConfig(w http.ResponseWriter, r *http.Request) {
	s, refused := g.sourceOf(r, eitherKey)
	if refused != nil {
		writeRefusal(w, refused)
		return
	}
	const timeLayout = "2006-01-02T15:04:05.000Z"
	var c sourceConfig
	c.UpdatedAt = g.sources.Load().since.UTC().Format(timeLayout)
	c.Source.ID, c.Source.Name, c.Source.Enabled = s.name, s.name, s.enabled
	c.Source.WorkspaceID, c.Source.UpdatedAt = "tanker", c.UpdatedAt
	c.Source.Destinations = []struct{}{}
	w.Header().Set("Cache-Control", "no-store")
	answerJSON(w, c)
}

func eitherKey(r *http.Request) (string, *refusal) {
	if key, refused := headerKey(r); refused == nil {
		return key, nil
	}
	if key, refused := queryKey(r); refused == nil {
		return key, nil
	}
	return "", noWriteKey
}
