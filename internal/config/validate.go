package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tanker/internal/spelling"
)

// validate notes everything that cannot be used.
func (c *Config) validate(found *findings) {
	v := validator{found}
	v.address("listen", c.Listen)
	v.address("admin.listen", c.Admin.Listen)
	if c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0") {
		v.addf("admin.listen", "is the same address as listen: the two need ports of their own")
	}
	v.filled("data_dir", c.DataDir, "name the folder that the journal is kept in")
	v.certificate(c.TLS)
	within(v, "stop_timeout", c.StopTimeout, 10*time.Millisecond, time.Hour)
	within(v, "gateway.max_body", c.Gateway.MaxBody, 1<<10, 64<<20)
	within(v, "gateway.max_batch_events", c.Gateway.MaxBatchEvents, 1, 1_000_000)
	within(v, "gateway.max_event_depth", c.Gateway.MaxEventDepth, 4, 1000)
	within(v, "gateway.max_event_keys", c.Gateway.MaxEventKeys, 100, 1_000_000)
	within(v, "gateway.max_requests", c.Gateway.MaxRequests, 1, 1_000_000)
	within(v, "gateway.max_memory", c.Gateway.MaxMemory, 16<<20, 1<<40)
	within(v, "gateway.drain", c.Gateway.Drain, 0, 10*time.Minute)
	v.journal(c.Journal)
	v.choice("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.choice("log.format", c.Log.Format, "text", "json")
	if !c.Admin.Token.IsZero() && len(c.Admin.Token.Reveal()) < minToken {
		v.addf("admin", "the token is too short to be safe: use %d letters or more", minToken)
	}
	v.endpoint("workspace.endpoint", c.Workspace.Endpoint)
	v.transformer(c)
	v.sources(c)
	v.destinations(c.Destinations)
}

func (v validator) transformer(c *Config) {
	t := c.Transformer
	v.address("transformer.listen", t.Listen)
	if taken := t.Listen == c.Listen || t.Listen == c.Admin.Listen; t.Enabled && taken && !strings.HasSuffix(t.Listen, ":0") {
		v.addf("transformer.listen", "is the same address as listen or admin.listen: it needs a port of its own")
	}
	v.choice("transformer.profile", t.Profile, "upstream", "documented")
	v.endpoint("transformer.endpoint", t.Endpoint)
	if t.UpstreamTransformer != "" {
		v.endpoint("transformer.upstream_transformer", t.UpstreamTransformer)
	}
	within(v, "transformer.max_memory", t.MaxMemory, 16<<20, 1<<40)
}

// minToken is the length of the shortest admin token that cannot be guessed over a network.
const minToken = 16

// validator notes what is wrong with single settings.
type validator struct{ *findings }

func (v validator) sources(c *Config) {
	if len(c.Sources) == 0 && !v.elsewhere("sources") {
		v.addf("sources", "there is none: add one with a name and a write key, so that SDKs can send")
	}
	names, keys := v.unique("name"), v.unique("write key")
	for i, s := range c.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		v.name(at+".name", s.Name)
		names(at+".name", s.Name)
		if s.WriteKey.IsZero() && s.WriteKeyEnv == "" && s.WriteKeyFile == "" && !v.elsewhere(at+".write_key") {
			v.addf(at, "has no write key: give it with write_key, write_key_env or write_key_file")
		}
		v.writeKey(at, s.WriteKey)
		keys(at, s.WriteKey.Reveal())
		for j, name := range s.Destinations {
			v.destinationName(fmt.Sprintf("%s.destinations[%d]", at, j), name, c.Destinations)
		}
	}
}

// writeKey refuses what cannot be the user name of Basic authentication.
func (v validator) writeKey(path string, key Secret) {
	if strings.ContainsRune(key.Reveal(), ':') {
		v.addf(path, "the write key has a colon in it, which no SDK can send: choose another")
	}
}

// destinationName refuses the name of a destination that does not exist.
func (v validator) destinationName(path, name string, destinations []Destination) {
	var known []string
	for _, d := range destinations {
		if d.Name == name {
			return
		}
		known = append(known, d.Name)
	}
	if near := spelling.Nearest(name, known); near != "" {
		v.addf(path, "there is no destination %q: did you mean %s?", name, near)
		return
	}
	v.addf(path, "there is no destination %q: add it under destinations, or remove the name here", name)
}

func (v validator) destinations(destinations []Destination) {
	if len(destinations) == 0 && !v.elsewhere("destinations") {
		v.addf("destinations", "there is none: add one with a name and the API key of a Refiner environment")
	}
	names, keys := v.unique("name"), v.unique("API key")
	for i, d := range destinations {
		at := fmt.Sprintf("destinations[%d]", i)
		v.name(at+".name", d.Name)
		names(at+".name", d.Name)
		if d.APIKey.IsZero() && d.APIKeyEnv == "" && d.APIKeyFile == "" && !v.elsewhere(at+".api_key") {
			v.addf(at, "has no API key: name the variable or the file that holds it with api_key_env or api_key_file")
		}
		keys(at, d.APIKey.Reveal())
		v.destination(at, d)
	}
}

// destination checks the settings of one destination that stand for themselves.
func (v validator) destination(at string, d Destination) {
	if !v.elsewhere(at) {
		v.endpoint(at+".endpoint", d.Endpoint)
	}
	v.choice(at+".profile", d.Profile, "documented", "upstream")
	v.choice(at+".encoding", d.Encoding, "json", "form")
	within(v, at+".limits.key_per_minute", d.Limits.KeyPerMinute, 0, 1_000_000)
	within(v, at+".limits.user_per_minute", d.Limits.UserPerMinute, 0, 1_000_000)
	within(v, at+".skip_unchanged", d.SkipUnchanged, 0, 365*24*time.Hour)
	within(v, at+".max_concurrency", d.MaxConcurrency, 1, 10_000)
	within(v, at+".window.events", d.Window.Events, 100, 1_000_000)
	within(v, at+".window.bytes", d.Window.Bytes, 1<<20, 1<<34)
	within(v, at+".timeout", d.Timeout, 10*time.Millisecond, 10*time.Minute)
	within(v, at+".retry_for", d.RetryFor, time.Second, 365*24*time.Hour)
	v.choice(at+".screen", d.Screen, "ignore", "as_page")
	v.choice(at+".when_disabled", d.WhenDisabled, "keep", "drop")
	v.renames(at+".user_attributes", d.UserAttributes)
	v.renames(at+".account_attributes", d.AccountAttributes)
	v.filter(at+".filter", d.Filter)
}

// filter checks what decides which events a destination gets. An empty name in a list would do nothing, or keep
// everything out.
func (v validator) filter(at string, f Filter) {
	for i, t := range f.MessageTypes {
		v.choice(fmt.Sprintf("%s.message_types[%d]", at, i), t, "identify", "track", "page", "group")
	}
	if len(f.AllowEvents) > 0 && len(f.DenyEvents) > 0 {
		v.addf(at+".deny_events", "there is allow_events, and all others are denied by it: keep one of the two")
	}
	providers := v.unique("provider")
	for i, c := range f.Consent {
		at := fmt.Sprintf("%s.consent[%d]", at, i)
		v.filled(at+".provider", c.Provider, "name it as events do, such as oneTrust, ketch, iubenda or custom")
		providers(at+".provider", c.Provider)
		v.choice(at+".strategy", c.Strategy, "and", "or")
		if len(c.IDs) == 0 {
			v.addf(at+".ids", "there is none: name what the user must grant, or remove the provider")
		}
		v.texts(at+".ids", c.IDs)
	}
	v.texts(at+".allow_events", f.AllowEvents)
	v.texts(at+".deny_events", f.DenyEvents)
	v.texts(at+".one_trust_categories", f.OneTrustCategories)
	v.texts(at+".ketch_purposes", f.KetchPurposes)
}

// texts refuses a list with blank texts in it.
func (v validator) texts(path string, list []string) {
	for i, text := range list {
		v.filled(fmt.Sprintf("%s[%d]", path, i), strings.TrimSpace(text), "write a text, or remove it")
	}
}

func (v validator) renames(path string, renames []Rename) {
	from := v.unique("from")
	for i, r := range renames {
		at := fmt.Sprintf("%s[%d]", path, i)
		v.filled(at+".from", r.From, "name the trait to rename")
		v.filled(at+".to", r.To, "say what the trait is called at Refiner")
		from(at+".from", r.From)
	}
}

// unique returns a function that notes values of one kind that occur a second time.
func (v validator) unique(what string) func(path, value string) {
	first := make(map[string]string)
	return func(path, value string) {
		if value == "" {
			return
		}
		if before, ok := first[value]; ok {
			_, other := v.placeOf(strings.TrimSuffix(before, ".name"))
			v.addf(path, "has the same %s as %s: each needs its own", what, other)
			return
		}
		first[value] = path
	}
}

// elsewhere reports whether the setting at path is not the file's but a variable's or a workspace's, which was looked
// at when it was read.
func (v validator) elsewhere(path string) bool {
	at, ok := v.places[path]
	return ok && at.file != v.file
}

// validName is what a name must look like: it becomes a part of subjects, file names and metrics.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

func (v validator) name(path, name string) {
	if name == "" && v.elsewhere(path) {
		return // it was missed when it was read
	}
	if !validName.MatchString(name) {
		v.addf(path, "%q is no name: use 1 to 63 letters, digits, - and _, beginning with a letter or digit", name)
	}
}

func (v validator) filled(path, value, todo string) {
	if value == "" {
		v.addf(path, "is empty: %s", todo)
	}
}

func (v validator) choice(path, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		v.addf(path, "%q is not one of %s", value, strings.Join(choices, ", "))
	}
}

func (v validator) address(path, address string) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		v.addf(path, "%q is no address: write host:port, such as 127.0.0.1:8080, or :8080 for every interface", address)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		v.addf(path, "%q is no port: write a number from 1 to 65535", port)
	}
}

func (v validator) endpoint(path, endpoint string) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		v.addf(path, "%q is no address of an API: write it like https://api.refiner.io", endpoint)
		return
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		v.addf(path, "must have no user, query or fragment: write it like https://api.refiner.io")
	}
}

// certificate checks that both files are there and belong together.
func (v validator) certificate(t TLS) {
	if t.CertFile == "" && t.KeyFile == "" {
		return
	}
	if !t.Enabled() {
		v.addf("tls", "needs both cert_file and key_file")
		return
	}
	if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
		v.addf("tls", "the certificate cannot be used: %v", err)
	}
}

// within notes a value outside of its bounds.
func within[T int | Size | time.Duration](v validator, path string, value, lowest, highest T) {
	if value < lowest || value > highest {
		v.addf(path, "%v is out of range: it goes from %v to %v", value, lowest, highest)
	}
}
