package delivery

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

// Reasons that do not come from the mapping. There is also refused_<status>.
const (
	reasonRetryWindow = "retry_window_passed" // it failed for as long as events are retried
	reasonUnsendable  = "unsendable"          // the call cannot be written as a request
	reasonMapping     = "mapping_failed"      // the mapping broke down over the event
	reasonUnchanged   = "unchanged"           // the contact's latest call was the same
	reasonMalformed   = "malformed"           // what is stored is not an event
	reasonSuppressed  = "suppressed"          // the user's events are not to be delivered
	reasonErased      = "erased"              // the event was erased before it was delivered
	reasonDuplicate   = "duplicate"           // two processes have accepted it
)

// defaultPause is how long a limit holds when the server does not say.
const defaultPause = time.Minute

// action is what becomes of an event after a call.
type action int

const (
	actFinish  action = iota // it has its outcome
	actRetry                 // the same call again later, and nothing of the user before it
	actLimited               // the same call again later; it was not tried
	actBlock                 // the destination refuses everything; it was not tried
	actAgain                 // the same call again as soon as calls are made; it was not tried
	actSplit                 // its own call, without what it carried; that was not tried
	actNext                  // the event's next call
	actAbandon               // the worker is being stopped; nothing is known
)

// verdict is what a call, or the mapping, means for its event.
type verdict struct {
	action  action
	kind    journal.Kind  // for actFinish
	reason  string        // stable code
	message string        // for people
	status  int           // of the answer, 0 if there was none
	class   callClass     // of the answer
	delay   time.Duration // for actRetry and actLimited
	before  journal.Retry // what was known of the event's attempts before this one

	letter *journal.DeadLetter // for dead events
}

// callClass numbers the ways a call can end: success, then the classes of refiner.
type callClass int

const (
	classOK     callClass = 0
	callClasses           = int(refiner.ClassCanceled) + 2 // how many there are
)

func classOf(c refiner.Class) callClass { return callClass(c) + 1 }

func (c callClass) String() string {
	if c == classOK {
		return "ok"
	}
	return refiner.Class(c - 1).String()
}

// answered reports whether the destination took note of the call and judged it.
func (c callClass) answered() bool {
	return c == classOK || c == classOf(refiner.ClassEvent)
}

// decide says what a call's end means for its event. tried counts the call itself; random in [0, 1)
// spreads the retries.
func decide(err error, tried journal.Retry, now time.Time, retryFor time.Duration, random float64) verdict {
	if err == nil {
		return verdict{action: actFinish, kind: journal.Delivered, class: classOK}
	}
	e := asRefinerError(err)
	v := verdict{message: e.Error(), status: e.Status, class: classOf(e.Class)}
	switch e.Class {
	case refiner.ClassCredentials:
		v.action, v.reason = actBlock, blockedReason(e)
	case refiner.ClassRateLimited:
		v.action, v.delay = actLimited, e.RetryAfter
		if v.delay <= 0 {
			v.delay = defaultPause
		}
	case refiner.ClassEvent:
		v.action, v.kind, v.reason = actFinish, journal.Dead, refusedReason(e.Status)
	default:
		wait := max(backoff(tried.Attempts, random), e.RetryAfter)
		return retry(v, wait, tried, now, retryFor)
	}
	return v
}

// ofMerged is what a verdict on a call of several events means: what condemns the call need not condemn any of them.
func (v verdict) ofMerged() verdict {
	if v.class == classOf(refiner.ClassEvent) {
		v.action, v.kind, v.reason = actSplit, "", ""
	}
	return v
}

// retry lets the event try again, for the last time when its retry window ends.
func retry(v verdict, wait time.Duration, tried journal.Retry, now time.Time, retryFor time.Duration) verdict {
	left := tried.First.Add(retryFor).Sub(now)
	if left <= 0 {
		v.action, v.kind, v.reason = actFinish, journal.Dead, reasonRetryWindow
		v.message = fmt.Sprintf("given up after %d attempts in %s: %s",
			tried.Attempts, now.Sub(tried.First).Round(time.Second), v.message)
		return v
	}
	v.action, v.delay = actRetry, min(wait, left)
	return v
}

// asRefinerError takes an error that is none of the client's for trouble that passes.
func asRefinerError(err error) *refiner.Error {
	if e, ok := errors.AsType[*refiner.Error](err); ok {
		return e
	}
	return &refiner.Error{Class: refiner.ClassTemporary, Message: err.Error(), Err: err}
}

func refusedReason(status int) string {
	if status == 0 {
		return reasonUnsendable
	}
	return "refused_" + strconv.Itoa(status)
}

// blockedReason is why a destination is blocked, such as "API key does not look valid (HTTP 401)".
func blockedReason(e *refiner.Error) string {
	if e.Status == 0 {
		return e.Message
	}
	return e.Message + " (HTTP " + strconv.Itoa(e.Status) + ")"
}
