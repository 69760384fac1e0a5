package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

// units are what may stand behind the number of a size, the longest first.
var units = [...]struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a number of bytes such as 4096000, 4MiB or 1.5GB.
func ParseSize(text string) (Size, error) {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= maxSize/factor {
		return Size(n * factor), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || !(f*float64(factor) <= maxSize) || strings.ContainsAny(number, "xXpPeE_") {
		return 0, fmt.Errorf("%q is no size: write a number of bytes, or one with a unit such as 4MiB or 2GB", text)
	}
	return Size(f * float64(factor)), nil
}

// maxSize is the largest size that can be said: 1024 TiB, which a float holds exactly.
const maxSize = 1 << 50

// String writes the size with the largest unit that leaves it whole.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Sync says how often the journal is written through to the disk: after so much time, or always.
type Sync time.Duration

// SyncAlways writes every event through to the disk before it counts as accepted.
const SyncAlways Sync = 0

// ParseSync reads "always" or a duration.
func ParseSync(text string) (Sync, error) {
	if text == "always" {
		return SyncAlways, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf(`%q is neither "always" nor a duration such as 100ms`, text)
	}
	return Sync(d), nil
}

// Interval is the time between two syncs; 0 means always.
func (s Sync) Interval() time.Duration { return time.Duration(s) }

// String is the form that ParseSync reads.
func (s Sync) String() string {
	if s == SyncAlways {
		return "always"
	}
	return time.Duration(s).String()
}

// Start says with which events a new destination begins. The zero value is now: with those that are accepted
// from now on.
type Start struct {
	Beginning bool      // with the oldest event that the journal still holds
	At        time.Time // with those stored at this time or later, as far as the journal still holds them
}

// ParseStart reads "now", "beginning" or a time.
func ParseStart(text string) (Start, error) {
	switch text {
	case "now":
		return Start{}, nil
	case "beginning":
		return Start{Beginning: true}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Start{}, fmt.Errorf(`%q is neither "now" nor "beginning" nor a time such as 2006-01-02T15:04:05Z`, text)
	}
	return Start{At: at}, nil
}

// String is the form that ParseStart reads.
func (s Start) String() string {
	switch {
	case s.Beginning:
		return "beginning"
	case s.At.IsZero():
		return "now"
	}
	return s.At.Format(time.RFC3339Nano)
}

// parseDuration is time.ParseDuration with an error that says what to write.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration: write a number with a unit such as 250ms, 30s, 5m or 72h", text)
	}
	return d, nil
}
