package refiner

import (
	"errors"
	"strconv"
	"time"
)

// Class says what an answer that is not a success means for the call, and for the calls behind it.
type Class int

const (
	// ClassUnexpected is an answer that Refiner's API does not give: a redirect, or a page instead of
	// JSON. Most likely the endpoint is wrong, and the event is not at fault.
	ClassUnexpected Class = iota

	// ClassCredentials means that the API key was refused. Every other call will be, too.
	ClassCredentials

	// ClassRateLimited means too many calls, of this key or for this user. RetryAfter says how long to
	// wait.
	ClassRateLimited

	// ClassEvent means that Refiner condemns this very call: repeating it is no use.
	ClassEvent

	// ClassTemporary is trouble that passes: no answer, a timeout, 408 or 5xx.
	ClassTemporary

	// ClassCanceled means that the caller's own context was cancelled. Nothing is known of the call.
	ClassCanceled
)

// String returns the class as one word in lower case: "unexpected", "credentials", "rate_limited",
// "event", "temporary" or "canceled".
func (c Class) String() string {
	names := [...]string{"unexpected", "credentials", "rate_limited", "event", "temporary", "canceled"}
	if c < 0 || int(c) >= len(names) {
		return "class(" + strconv.Itoa(int(c)) + ")"
	}
	return names[c]
}

// Error is a call that was not accepted. No part of it ever holds the API key.
type Error struct {
	// Class is what the answer means.
	Class Class

	// Op is the method and the path of the call, without its query.
	Op string

	// Status is the answer's HTTP status; 0 if there was no answer.
	Status int

	// Message is Refiner's own message, or what went wrong on the way to it. One line, at most 500
	// bytes.
	Message string

	// Body is the answer's body, at most 64 KiB of it.
	Body []byte

	// RetryAfter is how long Refiner asks to wait, at most an hour; 0 if it does not say.
	RetryAfter time.Duration

	// Err is the cause if there was no answer. It is context.Canceled if the caller cancelled the
	// call, and context.DeadlineExceeded if the time ran out.
	Err error
}

// Error returns operation, status and message in one line.
func (e *Error) Error() string {
	text := "refiner: "
	if e.Op != "" {
		text += e.Op + ": "
	}
	if e.Status != 0 {
		text += strconv.Itoa(e.Status) + ": "
	}
	return text + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of an error that a call has returned, ClassUnexpected if it is another.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassUnexpected
}
