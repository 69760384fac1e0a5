package event

import (
	"errors"
	"fmt"
)

// What can be wrong with an input. Parse and SplitBatch return a *ParseError that wraps one of them.
var (
	// ErrSyntax means that the input is not valid JSON, or not valid UTF-8.
	ErrSyntax = errors.New("invalid JSON")
	// ErrNotObject means valid JSON whose value, or one of whose batch elements, is no object.
	ErrNotObject = errors.New("event is not a JSON object")
	// ErrEmptyBatch means valid JSON without a batch member that holds at least one event.
	ErrEmptyBatch = errors.New("batch holds no events")
	// ErrTooLarge means that the input has more bytes than Limits.MaxBytes.
	ErrTooLarge = errors.New("too many bytes")
	// ErrTooDeep means that an event nests deeper than Limits.MaxDepth.
	ErrTooDeep = errors.New("nested too deep")
	// ErrTooManyKeys means that an event has more members than Limits.MaxKeys.
	ErrTooManyKeys = errors.New("too many keys")
	// ErrTooManyEvents means that a batch has more events than Limits.MaxEvents.
	ErrTooManyEvents = errors.New("too many events in the batch")
)

// ParseError says why an input was refused and where. It never quotes the input.
type ParseError struct {
	Err    error  // one of the errors above
	Offset int    // where the trouble was noticed, in bytes from the start of the input
	Detail string // what was found or expected there; "" if Err says it all
	Found  Kind   // for ErrNotObject: what stands in the object's place
}

// Error says what is wrong and at which byte.
func (e *ParseError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("%v at byte %d", e.Err, e.Offset)
	}
	return fmt.Sprintf("%v: %s at byte %d", e.Err, e.Detail, e.Offset)
}

// Unwrap gives the error that errors.Is compares with.
func (e *ParseError) Unwrap() error { return e.Err }
