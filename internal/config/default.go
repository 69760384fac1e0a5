package config

import "time"

// defaultEndpoint is where Refiner's API is.
const defaultEndpoint = "https://api.refiner.io"

// Default is the configuration before anybody has said anything: every setting at its default, no sources
// and no destinations.
func Default() *Config {
	return &Config{
		Listen:      "127.0.0.1:8080",
		DataDir:     "tanker-data",
		StopTimeout: 20 * time.Second,
		Admin:       Admin{Listen: "127.0.0.1:8081"},
		Gateway: Gateway{
			MaxBody: 4_096_000, MaxBatchEvents: 20_000, MaxEventDepth: 64, MaxEventKeys: 10_000,
			MaxRequests: 50_000, MaxMemory: 256 << 20,
		},
		Transformer: Transformer{
			Listen: "127.0.0.1:9090", Profile: "upstream", Endpoint: "https://api.refiner.io", MaxMemory: 256 << 20,
		},
		Journal: Journal{Sync: SyncAlways, Retention: 7 * 24 * time.Hour, MinFree: 256 << 20, Replicas: 3, Lease: 10 * time.Second},
		Log:     Log{Level: "info", Format: "text"},

		Workspace: Workspace{Endpoint: defaultEndpoint},
	}
}

// DefaultSource is a source of which nothing is said yet.
func DefaultSource() Source {
	return Source{Enabled: true}
}

// DefaultDestination is a destination of which nothing is said yet.
func DefaultDestination() Destination {
	return Destination{
		Endpoint:       defaultEndpoint,
		Profile:        "documented",
		Encoding:       "json",
		Merge:          true,
		Limits:         Limits{KeyPerMinute: 4000, UserPerMinute: 100},
		MaxConcurrency: 256,
		Window:         Window{Events: 8192, Bytes: 64 << 20},
		Timeout:        30 * time.Second,
		RetryFor:       72 * time.Hour,
		Filter:         Filter{Integration: "Refiner"},
		Screen:         "ignore",
		Enabled:        true,
		WhenDisabled:   "keep",
	}
}

// DefaultConsent is a provider of consent of which nothing is said yet.
func DefaultConsent() Consent {
	return Consent{Strategy: "and"}
}
