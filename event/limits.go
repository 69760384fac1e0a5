package event

import "math"

// Limits bounds what one event may cost. A field that is zero or negative stands for its default.
type Limits struct {
	// MaxBytes is the largest input in bytes: the event for Parse, the whole body for SplitBatch.
	// Default 4,096,000, the limit of RudderStack's gateway.
	MaxBytes int

	// MaxDepth is how deep objects and arrays of one event may nest; the event itself counts as 1.
	// Default 64.
	MaxDepth int

	// MaxKeys is how many members the objects of one event may have together. Default 10,000.
	MaxKeys int

	// MaxEvents is how many events one batch may hold. Default 65,536: a body of default size has
	// then 62 bytes for each event, less than a messageId and a user take.
	MaxEvents int
}

// DefaultLimits returns the limits that zero fields stand for.
func DefaultLimits() Limits {
	return Limits{MaxBytes: 4_096_000, MaxDepth: 64, MaxKeys: 10_000, MaxEvents: 65_536}
}

func (l Limits) withDefaults() Limits {
	defaults := DefaultLimits()
	if l.MaxBytes <= 0 {
		l.MaxBytes = defaults.MaxBytes
	}
	if l.MaxDepth <= 0 {
		l.MaxDepth = defaults.MaxDepth
	}
	if l.MaxKeys <= 0 {
		l.MaxKeys = defaults.MaxKeys
	}
	if l.MaxEvents <= 0 {
		l.MaxEvents = defaults.MaxEvents
	}
	l.MaxBytes = min(l.MaxBytes, math.MaxInt32) // offsets are kept in 32 bits
	return l
}
