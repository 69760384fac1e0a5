package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/config"
)

// environment stands in for os.Getenv.
func environment(pairs ...string) func(string) string {
	values := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

// write puts a configuration file into a folder of its own and goes there, so that problems name the
// file alone.
func write(t *testing.T, text string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("tanker.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "tanker.yaml"
}

// problems are the lines of what Load found, nil if it found nothing.
func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	found, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("got %T %v, want *config.Error", err, err)
	}
	var lines []string
	for _, p := range found.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

const smallest = `
sources:
  - {name: web, write_key: wk-web}
destinations:
  - {name: production, api_key_env: KEY}
`

func TestLoadSmallestFile(t *testing.T) {
	c, err := config.Load(write(t, smallest), environment("KEY", " key-1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	source, destination := config.DefaultSource(), config.DefaultDestination()
	source.Name, source.WriteKey = "web", config.NewSecret("wk-web")
	destination.Name, destination.APIKeyEnv, destination.APIKey = "production", "KEY", config.NewSecret("key-1")
	want.Sources, want.Destinations = []config.Source{source}, []config.Destination{destination}
	if diff := cmp.Diff(want, c, cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("a file that says nothing else must give the defaults (-want +got):\n%s", diff)
	}
}

func TestLoadEverySetting(t *testing.T) {
	path := write(t, `
listen: ":80"
data_dir: /var/lib/tanker
stop_timeout: 1m
workspace: {endpoint: "http://127.0.0.1:1", server_side_event_filtering: true, ignore_transformations: true}
admin: {listen: "[::1]:81", token_file: token}
gateway: {max_body: 1MiB, max_batch_events: 7, max_event_depth: 10, max_event_keys: 1_000, max_requests: 5, max_memory: 32MiB, drain: 15s}
transformer: {enabled: true, listen: ":82", profile: documented, endpoint: "http://127.0.0.1:2", upstream_transformer: "http://127.0.0.1:3", max_memory: 64MiB}
journal: {sync: 100ms, retention: 1h30m, max_bytes: 1.5GiB, min_free: 1MiB, url: "nats://a:4222, tls://b", credentials_file: token, replicas: 5, node: n-1, lease: 20s}
log: {level: debug, format: json}
sources:
  - name: web
    write_key_file: keys/web
    destinations: []
    enabled: false
  - name: "backend"
    write_key: 0123
    destinations: [production]
destinations:
  - name: production
    api_key_file: keys/production
    endpoint: http://127.0.0.1:8090/refiner
    profile: upstream
    encoding: form
    user_attributes: [{from: a, to: b}]
    account_attributes: [{from: c, to: d}]
    merge: false
    skip_unchanged: 24h
    limits: {key_per_minute: 0, user_per_minute: 7}
    max_concurrency: 3
    window: {events: 200, bytes: 2MB}
    timeout: 5s
    retry_for: 1m
    filter:
      integration: ""
      message_types: [track, page]
      deny_events: [Home]
      consent: [{provider: custom, strategy: or, ids: [a, b]}, {provider: iubenda, ids: [c]}]
      one_trust_categories: [d]
      ketch_purposes: [e]
    screen: as_page
    start: 2026-01-02T03:04:05Z
    enabled: false
    when_disabled: drop
`)
	for name, text := range map[string]string{"keys/web": "wk\n", "keys/production": "key", "token": "0123456789abcdef"} {
		os.Mkdir("keys", 0o700)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(path, environment())
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Listen: ":80", DataDir: "/var/lib/tanker", StopTimeout: time.Minute,
		Admin:   config.Admin{Listen: "[::1]:81", TokenFile: "token", Token: config.NewSecret("0123456789abcdef")},
		Gateway: config.Gateway{MaxBody: 1 << 20, MaxBatchEvents: 7, MaxEventDepth: 10, MaxEventKeys: 1000, MaxRequests: 5, MaxMemory: 32 << 20, Drain: 15 * time.Second},
		Journal: config.Journal{Sync: config.Sync(100 * time.Millisecond), Retention: 90 * time.Minute, MaxBytes: 3 << 29, MinFree: 1 << 20,
			URL: "nats://a:4222, tls://b", CredentialsFile: "token", Replicas: 5, Node: "n-1", Lease: 20 * time.Second},
		Log: config.Log{Level: "debug", Format: "json"},

		Transformer: config.Transformer{
			Enabled: true, Listen: ":82", Profile: "documented", Endpoint: "http://127.0.0.1:2", UpstreamTransformer: "http://127.0.0.1:3", MaxMemory: 64 << 20,
		},
		Workspace: config.Workspace{Endpoint: "http://127.0.0.1:1", ServerSideEventFiltering: true, IgnoreTransformations: true},
		Sources: []config.Source{
			{Name: "web", WriteKeyFile: "keys/web", WriteKey: config.NewSecret("wk"), Destinations: []string{}},
			{Name: "backend", WriteKey: config.NewSecret("0123"), Destinations: []string{"production"}, Enabled: true},
		},
		Destinations: []config.Destination{{
			Name: "production", APIKeyFile: "keys/production", APIKey: config.NewSecret("key"),
			Endpoint: "http://127.0.0.1:8090/refiner", Profile: "upstream", Encoding: "form",
			UserAttributes: []config.Rename{{From: "a", To: "b"}}, AccountAttributes: []config.Rename{{From: "c", To: "d"}},
			SkipUnchanged: 24 * time.Hour,
			Limits:        config.Limits{KeyPerMinute: 0, UserPerMinute: 7}, MaxConcurrency: 3,
			Window: config.Window{Events: 200, Bytes: 2e6}, Timeout: 5 * time.Second, RetryFor: time.Minute,
			Filter: config.Filter{
				MessageTypes: []string{"track", "page"}, DenyEvents: []string{"Home"},
				Consent:            []config.Consent{{Provider: "custom", Strategy: "or", IDs: []string{"a", "b"}}, {Provider: "iubenda", Strategy: "and", IDs: []string{"c"}}},
				OneTrustCategories: []string{"d"}, KetchPurposes: []string{"e"},
			},
			Screen: "as_page", WhenDisabled: "drop",
			Start: config.Start{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		}},
	}
	if diff := cmp.Diff(want, c, cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadReportsEveryProblemAtOnce(t *testing.T) {
	_, err := config.Load(write(t, `listne: 127.0.0.1:8080
data_dir: ""
log:
  level: loud
journal:
  sync: sometimes
  retention: 7
  min_free: lots
gateway: 12
sources:
  - name: web
    write_key: a
    write_key_env: A
    destinations: [producton]
  - name: web
    enabled: yes
destinations:
  - name: production
    api_key: literal
    limits:
      key_per_minute: -3
      user_per_minute: many
      user_per_minute: 7
  - name: two words
    api_key_env: MISSING
    endpoint: refiner.io
    profile: documentd
    timeout: 20m
    user_attributes:
      - from: a
  - name: third
    api_key_file: nowhere/key
    encoding: xml
    screen: yes
    when_disabled: wait
    filter:
      message_types: [screen]
      allow_events: [" "]
      deny_events: [a]
      consent:
        - strategy: xor
          provider: x
        - ids: [""]
          provider: x
admin:
  listen: 8081
`), environment())
	want := []string{
		`tanker.yaml:1: listne: there is no such key: did you mean listen?`,
		`tanker.yaml:2: data_dir: is empty: name the folder that the journal is kept in`,
		`tanker.yaml:4: log.level: "loud" is not one of debug, info, warn, error`,
		`tanker.yaml:6: journal.sync: "sometimes" is neither "always" nor a duration such as 100ms`,
		`tanker.yaml:7: journal.retention: "7" is no duration: write a number with a unit such as 250ms, 30s, 5m or 72h`,
		`tanker.yaml:8: journal.min_free: "lots" is no size: write a number of bytes, or one with a unit such as 4MiB or 2GB`,
		`tanker.yaml:9: gateway: wants a section of keys, not a single value`,
		`tanker.yaml:11: sources[0]: write_key is given in more than one way: keep one of write_key, write_key_env and write_key_file`,
		`tanker.yaml:14: sources[0].destinations[0]: there is no destination "producton": did you mean production?`,
		`tanker.yaml:15: sources[1].name: has the same name as sources[0]: each needs its own`,
		`tanker.yaml:15: sources[1]: has no write key: give it with write_key, write_key_env or write_key_file`,
		`tanker.yaml:16: sources[1].enabled: "yes" is neither true nor false`,
		`tanker.yaml:19: destinations[0].api_key: an API key does not belong into the file: put it into an environment variable and name that with api_key_env, or into a file of its own and name that with api_key_file`,
		`tanker.yaml:21: destinations[0].limits.key_per_minute: -3 is out of range: it goes from 0 to 1000000`,
		`tanker.yaml:22: destinations[0].limits.user_per_minute: "many" is no whole number`,
		`tanker.yaml:23: destinations[0].limits.user_per_minute: is already set in line 22: keep one of the two`,
		`tanker.yaml:24: destinations[1].name: "two words" is no name: use 1 to 63 letters, digits, - and _, beginning with a letter or digit`,
		`tanker.yaml:25: destinations[1].api_key_env: the environment variable MISSING is not set`,
		`tanker.yaml:26: destinations[1].endpoint: "refiner.io" is no address of an API: write it like https://api.refiner.io`,
		`tanker.yaml:27: destinations[1].profile: "documentd" is not one of documented, upstream`,
		`tanker.yaml:28: destinations[1].timeout: 20m0s is out of range: it goes from 10ms to 10m0s`,
		`tanker.yaml:30: destinations[1].user_attributes[0].to: is empty: say what the trait is called at Refiner`,
		`tanker.yaml:32: destinations[2].api_key_file: nowhere/key: no such file or directory`,
		`tanker.yaml:33: destinations[2].encoding: "xml" is not one of json, form`,
		`tanker.yaml:34: destinations[2].screen: "yes" is not one of ignore, as_page`,
		`tanker.yaml:35: destinations[2].when_disabled: "wait" is not one of keep, drop`,
		`tanker.yaml:37: destinations[2].filter.message_types[0]: "screen" is not one of identify, track, page, group`,
		`tanker.yaml:38: destinations[2].filter.allow_events[0]: is empty: write a text, or remove it`,
		`tanker.yaml:39: destinations[2].filter.deny_events: there is allow_events, and all others are denied by it: keep one of the two`,
		`tanker.yaml:41: destinations[2].filter.consent[0].strategy: "xor" is not one of and, or`,
		`tanker.yaml:41: destinations[2].filter.consent[0].ids: there is none: name what the user must grant, or remove the provider`,
		`tanker.yaml:43: destinations[2].filter.consent[1].ids[0]: is empty: write a text, or remove it`,
		`tanker.yaml:44: destinations[2].filter.consent[1].provider: has the same provider as destinations[2].filter.consent[0].provider: each needs its own`,
		`tanker.yaml:46: admin.listen: "8081" is no address: write host:port, such as 127.0.0.1:8080, or :8080 for every interface`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	with := func(text string) string { return smallest + text }
	for name, test := range map[string]struct{ text, want string }{
		"no YAML":       {"sources: [", "tanker.yaml:1: is no valid YAML: "},
		"two documents": {with("---\n" + smallest), "tanker.yaml: has 2 documents"},
		"a list":        {"- a\n- b", "wants a section of keys, not a list"},
		"nothing":       {"", "tanker.yaml: sources: there is none"},
		"an anchor":     {with("listen: &a :80"), "tanker.yaml:6: listen: anchors, aliases and tags are not understood"},
		"a merge":       {with("log:\n  <<: {level: debug}"), "tanker.yaml:7: log.<<: there is no such key"},
		"no value":      {with("listen:"), "tanker.yaml:6: listen: wants a text, not nothing"},
		"no list":       {with("destinations2: 1"), "tanker.yaml:6: destinations2: there is no such key: did you mean destinations?"},
		"names alone":   {strings.Replace(smallest, "wk-web", "wk-web, destinations: production", 1), "sources[0].destinations: wants a list such as [a, b], not a single value"},
		"a far key":     {with("kafka: {}"), "tanker.yaml:6: kafka: there is no such key: the ones here are listen, data_dir, tls, admin,"},
		"the same key":  {strings.Replace(smallest, "api_key_env: KEY}", "api_key_env: KEY}\n  - {name: b, api_key_env: KEY}", 1), "destinations[1]: has the same API key as destinations[0]"},
		"an empty key":  {strings.Replace(smallest, "wk-web", `""`, 1), "sources[0]: has no write key"},
		"a colon":       {strings.Replace(smallest, "wk-web", "a:b", 1), "sources[0]: the write key has a colon in it"},
		"the same port": {with("admin: {listen: '127.0.0.1:8080'}"), "tanker.yaml:6: admin.listen: is the same address as listen"},
		"the transformer on a port that is taken": {with("transformer: {enabled: true, listen: '127.0.0.1:8080'}"), "tanker.yaml:6: transformer.listen: is the same address as listen or admin.listen"},
		"a transformer of no known profile":       {with("transformer: {profile: odd}"), "tanker.yaml:6: transformer.profile:"},
		"a transformer with an odd endpoint":      {with("transformer: {upstream_transformer: nowhere}"), "tanker.yaml:6: transformer.upstream_transformer:"},
		"half of TLS":                             {with("tls: {cert_file: a}"), "tanker.yaml:6: tls: needs both cert_file and key_file"},
		"TLS not there":                           {with("tls: {cert_file: a, key_file: b}"), "tanker.yaml:6: tls: the certificate cannot be used: open a: no such file"},
		"a weak token":                            {with("admin: {token_env: WEAK}"), "tanker.yaml:6: admin: the token is too short"},
		"a secret URL":                            {strings.Replace(smallest, "KEY}", "KEY, endpoint: 'https://me:pw@x.io'}", 1), "must have no user, query or fragment"},
		"a huge size":                             {with("gateway: {max_body: 9999999999TiB}"), `"9999999999TiB" is no size`},
		"a negative one":                          {with("journal: {retention: -1h}"), `"-1h" is no duration`},
		"two replicas":                            {with("journal: {replicas: 2}"), "tanker.yaml:6: journal.replicas: 2 is not one of 1, 3, 5"},
		"no NATS":                                 {with("journal: {url: 'https://a:4222'}"), `tanker.yaml:6: journal.url: "https://a:4222" is no address of a NATS server`},
		"a second NATS that is none":              {with("journal: {url: 'nats://a,u:pw@b'}"), `tanker.yaml:6: journal.url: "…@b" is no address of a NATS server`},
		"a NATS with too much to it":              {with("journal: {url: 'nats://u:pw@a/x'}"), `tanker.yaml:6: journal.url: "nats://u:xxxxx@a/x" has more in it than a host and a port`},
		"a NATS with an odd port":                 {with("journal: {url: 'nats://a:99999'}"), `tanker.yaml:6: journal.url: "99999" is no port`},
		"credentials for nobody":                  {with("journal: {credentials_file: a}"), "tanker.yaml:6: journal: credentials_file and tls are for a NATS cluster"},
		"credentials that are not there":          {with("journal: {url: 'nats://a', credentials_file: x}"), "tanker.yaml:6: journal.credentials_file: x: no such file"},
		"authorities that are not there":          {with("journal: {url: 'nats://a', tls: {ca_file: x}}"), "tanker.yaml:6: journal.tls.ca_file: x: no such file"},
		"authorities that are none":               {with("journal: {url: 'nats://a', tls: {ca_file: tanker.yaml}}"), "tanker.yaml:6: journal.tls.ca_file: tanker.yaml holds no certificate in PEM"},
		"half of the journal's TLS":               {with("journal: {url: 'nats://a', tls: {key_file: a}}"), "tanker.yaml:6: journal.tls: needs both cert_file and key_file"},
		"a certificate that is not there":         {with("journal: {url: 'nats://a', tls: {cert_file: a, key_file: a}}"), "tanker.yaml:6: journal.tls: the certificate cannot be used: open a: no such file"},
		"an odd node":                             {with("journal: {node: a.b}"), `tanker.yaml:6: journal.node: "a.b" is no name`},
		"a small log":                             {with("journal: {max_bytes: 1KiB}"), "tanker.yaml:6: journal.max_bytes: 1KiB is out of range: it goes from 64MiB to 1024TiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, test.text), environment("KEY", "key-1", "WEAK", "weak"))
			got := strings.Join(problems(t, err), "\n")
			if !strings.Contains(got, test.want) {
				t.Errorf("got problems\n%s\nwant among them\n%s", got, test.want)
			}
		})
	}
}

func TestLoadWithoutFile(t *testing.T) {
	c, err := config.Load("", environment(
		"TANKER_WRITE_KEY", "wk", "REFINER_API_KEY", "key", "REFINER_ENDPOINT", "http://127.0.0.1:8090",
		"TANKER_DATA_DIR", "/data", "TANKER_LISTEN", ":1", "TANKER_ADMIN_LISTEN", ":2",
		"TANKER_ADMIN_TOKEN", "0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		c.Sources[0].Name, c.Sources[0].WriteKey.Reveal(), c.Destinations[0].Name, c.Destinations[0].APIKey.Reveal(),
		c.Destinations[0].Endpoint, c.DataDir, c.Listen, c.Admin.Listen, c.Admin.Token.Reveal(),
	}
	want := []string{"default", "wk", "refiner", "key", "http://127.0.0.1:8090", "/data", ":1", ":2", "0123456789abcdef"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadWithoutFileReportsEveryVariable(t *testing.T) {
	_, err := config.Load("", environment("REFINER_ENDPOINT", "nowhere", "TANKER_LISTEN", "here"))
	want := []string{
		"TANKER_WRITE_KEY: is not set: the key that your SDKs present, for example TANKER_WRITE_KEY=any-long-secret",
		"REFINER_API_KEY: is not set: the API key of your Refiner environment, from its settings, for example REFINER_API_KEY=1a2b3c…",
		`TANKER_LISTEN: listen: "here" is no address: write host:port, such as 127.0.0.1:8080, or :8080 for every interface`,
		`REFINER_ENDPOINT: destinations[0].endpoint: "nowhere" is no address of an API: write it like https://api.refiner.io`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEnvironmentComesBeforeFile(t *testing.T) {
	path := write(t, "listen: :1\nadmin: {listen: ':2'}\ndata_dir: here\n"+smallest)
	c, err := config.Load(path, environment("KEY", "k", "TANKER_LISTEN", ":3", "TANKER_ADMIN_LISTEN", ":4", "TANKER_DATA_DIR", "there"))
	if err != nil {
		t.Fatal(err)
	}
	if got := [3]string{c.Listen, c.Admin.Listen, c.DataDir}; got != [3]string{":3", ":4", "there"} {
		t.Errorf("got %v", got)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "tanker.yaml")
	text := strings.Replace(smallest, "write_key: wk-web", "write_key_file: keys/web", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(folder, "keys"), 0o700)
	os.WriteFile(filepath.Join(folder, "keys/web"), []byte("wk-from-file\n"), 0o600)
	c, err := config.Load(path, environment("KEY", "k"))
	if err != nil {
		t.Fatal(err)
	}
	if c.DataDir != filepath.Join(folder, "tanker-data") || c.Sources[0].WriteKey.Reveal() != "wk-from-file" {
		t.Errorf("data in %s, write key %q", c.DataDir, c.Sources[0].WriteKey.Reveal())
	}
}

func TestLoadFileThatIsNotThere(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := config.Load("tanker.yaml", environment())
	if !errors.Is(err, os.ErrNotExist) || err.Error() != "tanker.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad looks for a file that brings the loader down, and for problems that say nothing.
func FuzzLoad(f *testing.F) {
	f.Add(smallest)
	f.Add(string(config.Example()))
	f.Add("a: &a [*a, *a]\n? b\n: !!c |\n  d")
	f.Add("sources: [[[[[]]]]]\ndestinations: {a: {b: c}}\n<<: *x")
	path := filepath.Join(f.TempDir(), "tanker.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path, environment("KEY", "k"))
		if err == nil && (len(c.Sources) == 0 || len(c.Destinations) == 0) {
			t.Error("loaded without sources or destinations")
		}
		for _, p := range problems(t, err) {
			if strings.TrimSpace(p) == "" {
				t.Error("a problem without a word")
			}
		}
	})
}
