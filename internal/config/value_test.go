package config_test

import (
	"testing"

	"pgregory.net/rapid"

	"tanker/internal/config"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]config.Size{
		"0": 0, "1": 1, "4096000": 4096000, "4MiB": 4 << 20, "4 MiB": 4 << 20, "1KB": 1000, "2GB": 2e9,
		"1.5KiB": 1536, "12B": 12, "1024TiB": 1 << 50,
	} {
		if got, err := config.ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "-1MiB", "1 PiB", "0x10", "1e3", "NaN", "Inf", "1025TiB", "4mib", "1_000"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %v, want an error", text, got)
		}
	}
}

func TestParseStart(t *testing.T) {
	for _, text := range []string{"now", "beginning", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5+02:00"} {
		got, err := config.ParseStart(text)
		if err != nil || got.String() != text || got.Beginning != (text == "beginning") || got.At.IsZero() != (len(text) < 10) {
			t.Errorf("ParseStart(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "Now", "yesterday", "2026-01-02", "24h"} {
		if got, err := config.ParseStart(text); err == nil {
			t.Errorf("ParseStart(%q) = %v, want an error", text, got)
		}
	}
}

func TestSizeReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := config.Size(rapid.Int64Range(0, 1<<50).Draw(t, "size"))
		if got, err := config.ParseSize(want.String()); err != nil || got != want {
			t.Fatalf("%s read as %v, %v, want %d", want, got, err, want)
		}
	})
}
