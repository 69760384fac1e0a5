package transformer

import (
	"sync"

	"tanker/event"
	"tanker/mapping"
)

// plan is what is made of a destination's Config once: how its events are mapped, and what is the same in all their
// requests.
type plan struct {
	mapper   *mapping.Mapper
	endpoint string // without the path
	headers  []byte // the member, as JSON
	invalid  *fault // every event fails with it
}

// plans keeps the plans of the latest configurations. Whoever has changing ones, by templates, makes it start anew.
type plans struct {
	endpoint string
	profile  mapping.Profile

	mu       sync.RWMutex
	byConfig map[string]*plan
}

const (
	mostPlans    = 1000
	longestPlan  = 64 << 10 // bytes of a configuration that is kept
	noAPIKey     = "The destination's Config has no apiKey: enter the REST API key of the Refiner environment in RudderStack."
	contentType  = `"headers":{"Content-Type":"application/x-www-form-urlencoded","Authorization":`
	bearerScheme = "Bearer "
)

// of returns the plan of a Config, which may be nil.
func (p *plans) of(config []byte) *plan {
	p.mu.RLock()
	known, ok := p.byConfig[string(config)]
	p.mu.RUnlock()
	if ok && config != nil {
		return known
	}
	made := p.make(config)
	if config != nil && len(config) <= longestPlan {
		p.keep(string(config), made)
	}
	return made
}

func (p *plans) keep(config string, made *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byConfig == nil || len(p.byConfig) >= mostPlans {
		p.byConfig = map[string]*plan{}
	}
	p.byConfig[config] = made
}

func (p *plans) make(config []byte) *plan {
	made := &plan{endpoint: p.endpoint}
	settings, err := mapping.ParseRudderConfig(config)
	if err != nil {
		made.invalid = exception(err.Error())
		return made
	}
	settings.Profile = p.profile
	if made.mapper, err = mapping.New(settings); err != nil {
		made.invalid = exception(err.Error())
		return made
	}
	key := apiKey(config)
	if p.profile == mapping.Documented && !mapping.Truthy(key) {
		made.invalid = &fault{status: 400, message: noAPIKey, category: dataValidation, kind: "configuration"}
	}
	made.headers = append(appendString([]byte(contentType), bearerScheme+mapping.JavaScriptText(key)), '}')
	return made
}

// apiKey is the key in a Config; absent if there is none.
func apiKey(config []byte) event.Value {
	e, err := event.Parse(config, event.Limits{})
	if err != nil {
		return event.Value{}
	}
	return e.Get("apiKey")
}
