// Package config reads what Tanker is told to do: from a YAML file, or from the environment alone.
//
// It owns the names, defaults and bounds of every setting and reports everything that is wrong at once,
// each problem with its line and path. It starts nothing and opens nothing but the files it is given.
package config

import "time"

// Config is everything one Tanker is told. The zero value is not usable: begin with Default or Load.
type Config struct {
	// Listen is the address of the port that SDKs send to. Default 127.0.0.1:8080; an empty host means
	// every interface.
	Listen string `yaml:"listen"`

	// DataDir is the folder of the journal: everything Tanker must not lose. Default tanker-data.
	DataDir string `yaml:"data_dir"`

	// TLS makes the port that SDKs send to speak HTTPS. Off by default.
	TLS TLS `yaml:"tls"`

	// Admin is the port for operators: metrics, health, status, dead letters.
	Admin Admin `yaml:"admin"`

	// Gateway bounds what SDKs may send.
	Gateway Gateway `yaml:"gateway"`

	// Journal says how events are kept on disk.
	Journal Journal `yaml:"journal"`

	// Log says what is logged, and how.
	Log Log `yaml:"log"`

	// Sources are those who may send: each has a write key. At least one is required.
	Sources []Source `yaml:"sources"`

	// Destinations are the Refiner environments that events go to: each has an API key. At least one
	// is required.
	Destinations []Destination `yaml:"destinations"`

	// Workspace takes both from a file of RudderStack's instead.
	Workspace Workspace `yaml:"workspace"`

	// Transformer is a port for rudder-server, for those who keep that. Off by default.
	Transformer Transformer `yaml:"transformer"`

	// StopTimeout is how long a stopping server waits for what has begun: half of it for requests of SDKs,
	// the other half for calls to Refiner. A call that has not ended by then is repeated after the next
	// start. Default 20s.
	StopTimeout time.Duration `yaml:"stop_timeout"`

	// Warnings say what of the workspace configuration is not carried out. They are made by Load.
	Warnings []Problem `yaml:"-"`

	// FromEnvironment says that there is no file: the configuration was made of the environment alone. It is set by Load.
	FromEnvironment bool `yaml:"-"`
}

// Workspace is a RudderStack workspace configuration: the file that RudderStack's server reads its sources and destinations
// from, often called workspaceConfig.json.
type Workspace struct {
	// File is its path. TANKER_WORKSPACE_CONFIG comes before it. Not set by default; if it is, Sources and Destinations
	// must not be set.
	File string `yaml:"file"`

	// Endpoint is where the API of its destinations is. Default https://api.refiner.io.
	Endpoint string `yaml:"endpoint"`

	// ServerSideEventFiltering makes the lists of event names count that it has for destinations, which RudderStack's
	// SDKs obey and its server does not. Default false.
	ServerSideEventFiltering bool `yaml:"server_side_event_filtering"`

	// IgnoreTransformations permits destinations with transformations, which cannot be carried out because the file has
	// only their ids: events go to Refiner as they are sent. Default false: such a file is refused.
	IgnoreTransformations bool `yaml:"ignore_transformations"`
}

// Transformer takes the place of RudderStack's transformer for Refiner. It has nothing to do with the sources and the
// destinations of this configuration: rudder-server sends its own along with each event.
type Transformer struct {
	// Enabled opens the port. Default false.
	Enabled bool `yaml:"enabled"`

	// Listen is the port's address. Default 127.0.0.1:9090. There is no authentication: only rudder-server should
	// reach it.
	Listen string `yaml:"listen"`

	// Profile is how events become requests: upstream, as RudderStack's transformer does it, or documented. Default
	// upstream.
	Profile string `yaml:"profile"`

	// Endpoint is where Refiner's API is. Default https://api.refiner.io.
	Endpoint string `yaml:"endpoint"`

	// UpstreamTransformer is the URL of the transformer that gets every request that is not for Refiner. Default none:
	// they are answered 404.
	UpstreamTransformer string `yaml:"upstream_transformer"`

	// MaxMemory is how much memory all requests take together; beyond it they are answered 503. Default 256MiB.
	MaxMemory Size `yaml:"max_memory"`
}

// TLS names a certificate and its key, both PEM files. Both are set or neither is.
type TLS struct {
	// CertFile holds the certificate, followed by those of the authorities between it and the root.
	CertFile string `yaml:"cert_file"`

	// KeyFile holds the certificate's private key.
	KeyFile string `yaml:"key_file"`
}

// Enabled reports whether a certificate is named.
func (t TLS) Enabled() bool { return t.CertFile != "" && t.KeyFile != "" }

// Admin is the port for operators.
type Admin struct {
	// Listen is its address. Default 127.0.0.1:8081: reachable from this machine only.
	Listen string `yaml:"listen"`

	// Token is what a caller of the admin API must present. It is read from TANKER_ADMIN_TOKEN, TokenEnv or
	// TokenFile; without any of them the server makes one at its first start, prints it, and keeps its
	// hash in the data directory, in the file admin-token.
	Token Secret `yaml:"-"`

	// TokenEnv names an environment variable that holds the token.
	TokenEnv string `yaml:"token_env"`

	// TokenFile names a file that holds the token.
	TokenFile string `yaml:"token_file"`
}

// Gateway bounds what SDKs may send.
type Gateway struct {
	// MaxBody is the largest body of one request, after decompression. Default 4096000 bytes, as
	// RudderStack has it.
	MaxBody Size `yaml:"max_body"`

	// MaxBatchEvents is how many events one request may carry. Default 20000.
	MaxBatchEvents int `yaml:"max_batch_events"`

	// MaxEventDepth is how deeply the values of one event may be nested. Default 64.
	MaxEventDepth int `yaml:"max_event_depth"`

	// MaxEventKeys is how many keys one event may have, at all levels together. Default 10000.
	MaxEventKeys int `yaml:"max_event_keys"`

	// MaxRequests is how many requests are worked on at the same time; one more is answered 503.
	// Default 50000.
	MaxRequests int `yaml:"max_requests"`

	// MaxMemory is how much memory the bodies of all these requests take together; one that finds no room
	// is answered 503. Default 256MiB.
	MaxMemory Size `yaml:"max_memory"`

	// Drain is how long a stopping server goes on taking requests while /ready says that it is stopping, so that a load
	// balancer sends no more of them: somewhat longer than that takes to notice. Default 0s, for those without one.
	Drain time.Duration `yaml:"drain"`
}

// Journal says how events are kept on disk.
type Journal struct {
	// Sync says when an event counts as written. Default always: it is on the disk before the SDK gets
	// its answer. A duration instead, such as 100ms, syncs that often: faster on slow disks, and a crash
	// of the machine (not of the process) loses up to that much.
	Sync Sync `yaml:"sync"`

	// Retention is how long finished events are kept, so that they can be looked at and sent again.
	// Unfinished ones are kept until they are finished. Default 168h.
	Retention time.Duration `yaml:"retention"`

	// MaxBytes is how large the journal may become; beyond it requests are answered 503 and the SDKs keep
	// their events. Default 0: 70 % of what the disk has free, counting what the journal has already; on a cluster 8GiB
	// for each replica.
	MaxBytes Size `yaml:"max_bytes"`

	// MinFree is how much of the disk must stay free; below it requests are answered 503 and the SDKs keep
	// their events. Default 256MiB.
	MinFree Size `yaml:"min_free"`

	// URL is a NATS cluster that keeps the journal in the place of the data directory: nats://host:4222, several
	// separated by commas. TANKER_JOURNAL_URL comes before it. Not set by default.
	URL string `yaml:"url"`

	// CredentialsFile is a file with a user's JWT and key that the cluster knows. Not set by default.
	CredentialsFile string `yaml:"credentials_file"`

	// TLS says how the cluster and this process know each other. By default what the system trusts is trusted.
	TLS ClientTLS `yaml:"tls"`

	// Replicas is on how many servers of the cluster everything is kept: 1, 3 or 5. Default 3.
	Replicas int `yaml:"replicas"`

	// Node is the name of this process among those on the cluster: each needs its own, and keeps it over restarts.
	// Default: the machine's name and some letters that are kept in the data directory.
	Node string `yaml:"node"`

	// Lease is within what time another process on the cluster goes on with what one did that is not heard of any more.
	// All have the same. Default 10s.
	Lease time.Duration `yaml:"lease"`
}

// ClientTLS names PEM files by which a server is known, and by which this process is known to it.
type ClientTLS struct {
	// CAFile holds the authorities that the servers' certificates are from.
	CAFile string `yaml:"ca_file"`

	// CertFile holds this process's own certificate.
	CertFile string `yaml:"cert_file"`

	// KeyFile holds its private key.
	KeyFile string `yaml:"key_file"`
}

// Log says what is logged, and how. Logs go to standard error.
type Log struct {
	// Level is debug, info, warn or error. Default info. At debug there is a line for each accepted request
	// and for each call to Refiner.
	Level string `yaml:"level"`

	// Format is text or json. Default text.
	Format string `yaml:"format"`
}

// Source is one of those who may send: an app, a website, a server.
type Source struct {
	// Name is what the source is called in logs, metrics and everywhere else: letters, digits, - and _.
	Name string `yaml:"name"`

	// Title is what people call the source, where it comes from a workspace configuration. Nothing depends on it.
	Title string `yaml:"-"`

	// WriteKey is what the source's SDK presents. It is given here, by WriteKeyEnv or by WriteKeyFile.
	WriteKey Secret `yaml:"write_key"`

	// WriteKeyEnv names an environment variable that holds the write key.
	WriteKeyEnv string `yaml:"write_key_env"`

	// WriteKeyFile names a file that holds the write key.
	WriteKeyFile string `yaml:"write_key_file"`

	// Destinations are the names of the destinations that get the source's events. Left out, all of them
	// do; an empty list means none.
	Destinations []string `yaml:"destinations"`

	// Enabled can be false: the SDK is then told that its source is disabled, and sends no more. Default true.
	Enabled bool `yaml:"enabled"`
}

// Destination is one Refiner environment that events go to.
type Destination struct {
	// Name is what the destination is called in logs, metrics and everywhere else: letters, digits, -
	// and _. The journal keeps its place in the log under this name.
	Name string `yaml:"name"`

	// Title is what people call the destination, where it comes from a workspace configuration. Nothing depends on it.
	Title string `yaml:"-"`

	// APIKey is the environment's REST API key. It is given by APIKeyEnv or by APIKeyFile, never in the
	// file itself.
	APIKey Secret `yaml:"api_key"`

	// APIKeyEnv names an environment variable that holds the API key.
	APIKeyEnv string `yaml:"api_key_env"`

	// APIKeyFile names a file that holds the API key.
	APIKeyFile string `yaml:"api_key_file"`

	// Endpoint is where the API is. Default https://api.refiner.io.
	Endpoint string `yaml:"endpoint"`

	// Profile is how events become calls: documented, as RudderStack documents its Refiner destination, or
	// upstream, as RudderStack's transformer really does it. Default documented.
	Profile string `yaml:"profile"`

	// Encoding is how calls are written: json, or form with brackets for nested values. Default json.
	// The upstream profile always sends a form.
	Encoding string `yaml:"encoding"`

	// Transformation is a file with a RudderStack transformation, in JavaScript, that gets each event before it is
	// mapped. None by default.
	Transformation string `yaml:"transformation"`

	// UserAttributes renames traits of users before they are sent.
	UserAttributes []Rename `yaml:"user_attributes"`

	// AccountAttributes renames traits of accounts before they are sent.
	AccountAttributes []Rename `yaml:"account_attributes"`

	// Merge makes one call of several that wait right behind each other for the same user, where that has the
	// same effect: fewer calls than events. Default true.
	Merge bool `yaml:"merge"`

	// SkipUnchanged is how long an identify or group call stands: while it does, an event whose call is the same as
	// the latest one of its contact is not sent but filtered, unchanged. Default 0: every event is sent.
	SkipUnchanged time.Duration `yaml:"skip_unchanged"`

	// Limits are the rates that Refiner permits, which Tanker keeps by itself.
	Limits Limits `yaml:"limits"`

	// MaxConcurrency is how many calls may be under way at the same time. Default 256.
	MaxConcurrency int `yaml:"max_concurrency"`

	// Window bounds what is read ahead and held in memory.
	Window Window `yaml:"window"`

	// Timeout is how long one call may take. Default 30s.
	Timeout time.Duration `yaml:"timeout"`

	// RetryFor is how long an event is tried again after its first failure before it becomes a dead
	// letter. Default 72h.
	RetryFor time.Duration `yaml:"retry_for"`

	// Filter says which events the destination gets.
	Filter Filter `yaml:"filter"`

	// Screen is what becomes of screen calls: ignore (they are filtered, because Refiner knows none), or as_page (they
	// are mapped like page calls). Default ignore.
	Screen string `yaml:"screen"`

	// Enabled can be false: nothing is delivered then. Default true.
	Enabled bool `yaml:"enabled"`

	// Start is with which events a destination begins that the journal does not know yet: now, beginning (the oldest
	// that the journal still holds) or a time. It means nothing to a destination that has begun. Default now.
	Start Start `yaml:"start"`

	// WhenDisabled is what becomes of events while Enabled is false: keep (they wait until it is enabled again or
	// removed), or drop (they are filtered, as RudderStack does it). Default keep.
	WhenDisabled string `yaml:"when_disabled"`
}

// Filter says which events a destination gets. The others are filtered.
type Filter struct {
	// Integration is what the destination is called in the integrations object of events, by which senders choose
	// destinations. Default Refiner; an empty text ignores that object.
	Integration string `yaml:"integration"`

	// MessageTypes are the types of events that the destination gets: identify, track, page, group. Left out, all of them.
	MessageTypes []string `yaml:"message_types"`

	// AllowEvents are the names of the only track calls and pages that the destination gets. Left out, all of them.
	AllowEvents []string `yaml:"allow_events"`

	// DenyEvents are the names of track calls and pages that the destination does not get. None by default.
	DenyEvents []string `yaml:"deny_events"`

	// Consent is what the destination needs of the user's consent, for each provider that manages it. Nothing by default.
	Consent []Consent `yaml:"consent"`

	// OneTrustCategories are cookie categories that the user must not have denied, for events that name oneTrust or no
	// provider, unless Consent has one for it. This is RudderStack's older form. None by default.
	OneTrustCategories []string `yaml:"one_trust_categories"`

	// KetchPurposes are purposes of which the user must not have denied all, for events that name ketch or no provider.
	// This is RudderStack's older form. None by default.
	KetchPurposes []string `yaml:"ketch_purposes"`
}

// Consent is what a destination needs of the user's consent where a provider manages it.
type Consent struct {
	// Provider is how events name it: oneTrust, ketch, iubenda, custom or any other.
	Provider string `yaml:"provider"`

	// Strategy says for the provider custom how many of IDs must be granted: and (all), or (one). For others each event
	// says it. Default and.
	Strategy string `yaml:"strategy"`

	// IDs are the provider's ids of what must be granted. At least one is required.
	IDs []string `yaml:"ids"`
}

// Rename gives a trait another name on its way to Refiner.
type Rename struct {
	// From is the trait's name in the event.
	From string `yaml:"from"`

	// To is its name at Refiner.
	To string `yaml:"to"`
}

// Limits are calls a minute.
type Limits struct {
	// KeyPerMinute is for the API key as a whole. Default 4000; 0 means no limit.
	KeyPerMinute int `yaml:"key_per_minute"`

	// UserPerMinute is for each user. Default 100; 0 means no limit.
	UserPerMinute int `yaml:"user_per_minute"`
}

// Window bounds what one destination reads ahead and holds in memory.
type Window struct {
	// Events is how many events. Default 8192.
	Events int `yaml:"events"`

	// Bytes is how much their bodies may be together. Default 64MiB.
	Bytes Size `yaml:"bytes"`
}
