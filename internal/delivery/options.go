package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// What holds when Options does not say otherwise.
const (
	defaultMaxConcurrency = 256
	defaultWindowEvents   = 8192
	defaultWindowBytes    = 64 << 20
	defaultRetryFor       = 72 * time.Hour
	defaultGrace          = 10 * time.Second
)

// Log is where events come from and where outcomes go. A *journal.Cursor is one.
type Log interface {
	// Next waits for events that have no outcome yet and returns them in the order they were accepted,
	// each once in the lifetime of the Log. Bodies are copied before the next call.
	// journal.ErrClosed and journal.ErrFenced end the worker; every other error is tried again.
	Next(ctx context.Context) ([]journal.Entry, error)

	// Finish stores outcomes; they are durable when it returns nil. After a *journal.NoRoomError all are but those of
	// the events that it names. After any other error it is called again with the same outcomes.
	Finish(ctx context.Context, outcomes []journal.Outcome) error

	// LetterRoom is how many bytes of dead letters there is room for.
	LetterRoom(ctx context.Context) (int64, error)

	// Park moves events that must wait out of the way: Next does not hand them out again, but Unpark does, each user's in
	// the order in which they were parked. They are durable when it returns nil. After an error it is called again with
	// the same events, and others behind them.
	Park(ctx context.Context, events []journal.Parking) error

	// Unpark returns some of a user's parked events that it has not returned yet, or that were released, and so many at
	// most; none if there are none. It is not called at the same time as Park.
	Unpark(ctx context.Context, user string, most int) ([]journal.Entry, error)

	// Release takes back the last events of a user that Unpark has returned: it will return them again. It must not block.
	Release(positions []journal.Position)

	// ParkedUsers is how often Next tells of users who have parked events from before the Log was opened: by an entry with
	// Parked set that stands in the order where the first of the user's parked events stood, and, if that says that there is
	// more, by another where the last of them stood, or somewhat before.
	ParkedUsers() int

	// Defer remembers for after a restart that an event has failed and when it is due again. It must
	// not block.
	Defer(position journal.Position, retry journal.Retry)
}

// Memory keeps for after a restart which calls were delivered. A *journal.Cursor is one.
type Memory interface {
	// Remember stores data in the place of what was stored before.
	Remember(ctx context.Context, data []byte) error

	// Recall returns what was stored. It returns nil if there is nothing, or if an outcome has been stored since:
	// then it says nothing any more.
	Recall(ctx context.Context) ([]byte, error)
}

// Mapper makes calls of events. Its error is a *mapping.Refusal. It is used by one goroutine.
type Mapper interface {
	Map(e *event.Event) (mapping.Call, error)
}

// Transformer is a Mapper that may make several calls of one event, and needs to know more than the event for it. It is
// used by several goroutines.
type Transformer interface {
	Mapper

	// Calls makes one call or more of an event, or a *mapping.Refusal. Any other error means that nothing is known of
	// the event yet, and comes only when ctx has ended.
	Calls(ctx context.Context, entry *journal.Entry, e *event.Event) ([]mapping.Call, error)
}

// Client makes calls. Its errors are *refiner.Error; any other is taken for trouble that passes. Both methods must
// return soon after ctx is cancelled, and in a bounded time at any rate.
type Client interface {
	Do(ctx context.Context, r refiner.Request) (refiner.Answer, error)
	Verify(ctx context.Context) (refiner.Project, error)
}

// Options says what a worker delivers, where to and how fast.
type Options struct {
	// Name of the destination. Required.
	Name string

	// Log, Mapper and Client are required. A Mapper that is a Transformer is used as one.
	Log    Log
	Mapper Mapper
	Client Client

	// Merge makes one call of two that follow each other in a user's lane, if that has the same effect. Its result
	// has the method and the path of the first, and may be merged further. mapping.Merge is one. Defaults to none:
	// each event has its own call. It is used by one goroutine.
	Merge func(first, second mapping.Call) (mapping.Call, bool)

	// SkipUnchanged is how long a call of a contact stands: an event whose call is the same gets no call but the outcome
	// filtered, unchanged. 0 means that every call is made. Only what calls for the same user have changed is known: see
	// docs/mapping.md.
	SkipUnchanged time.Duration

	// Memory makes SkipUnchanged outlast an orderly stop. Defaults to none.
	Memory Memory

	// KeyPerMinute and UserPerMinute are how many calls Refiner allows in a minute for the API key, and for each
	// user. 0 means no limit. Refiner's own are 4,000 and 100; they are not the default here.
	KeyPerMinute, UserPerMinute int

	// MaxConcurrency is the most calls that may be made and not yet have their outcome on disk. So many
	// calls at most are made again after a crash, apart from those before them of events with several. Defaults to 256.
	MaxConcurrency int

	// WindowEvents and WindowBytes bound the events held in memory: reading stops while either is reached, so it is
	// exceeded by a few dozen events at most, or by one larger than the whole. Beside the window there is the
	// pack that is being read, and up to a quarter as many events again that were parked and brought back. Default to
	// 8,192 and 64 MiB.
	WindowEvents int
	WindowBytes  int64

	// RetryFor is how long an event is retried, from its first attempt on, before it becomes a dead letter.
	// Defaults to 72 hours.
	RetryFor time.Duration

	// Grace is how long a worker that is being stopped waits for the calls under way. Defaults to 10 s.
	Grace time.Duration

	// Limits bound events as they are read from the Log. They must allow what the gateway accepts.
	// The zero value means event.DefaultLimits.
	Limits event.Limits

	// Suppression says whose events are not delivered: they have the outcome filtered, suppressed. Who is suppressed while
	// the worker runs is so within a second or so, but for the calls under way. Defaults to nobody.
	Suppression Suppression

	// Recent are calls of the last minute that are known from before the start. The limits count them.
	Recent []PastCall

	// RecentOfUser is how many calls each user may have made in the minute before the start beside those in Recent. The
	// users' limits count so many of everyone.
	RecentOfUser int

	// Right is what entitles the worker to make calls where other processes could. Defaults to none: there are none.
	Right Right

	// Open bounds the calls that neither an outcome nor an account tells of that was noted; see Worker.Account. 0 means
	// that nobody is interested in accounts.
	Open int

	// PausedSince is since when the worker is paused, from its start on; see Worker.Pause. Zero means that it is not.
	PausedSince time.Time

	// Logger defaults to none. Observer defaults to none.
	Logger   *slog.Logger
	Observer Observer
}

// PastCall is a call that was made before the worker was started.
type PastCall struct {
	User string // key of its lane; "" counts for the API key only
	At   time.Time

	// Lost says that no outcome tells of the call: accounts go on to tell of it.
	Lost bool
}

func (o Options) withDefaults() Options {
	o.MaxConcurrency = orDefault(o.MaxConcurrency, defaultMaxConcurrency)
	o.WindowEvents = orDefault(o.WindowEvents, defaultWindowEvents)
	o.WindowBytes = orDefault(o.WindowBytes, defaultWindowBytes)
	o.RetryFor = orDefault(o.RetryFor, defaultRetryFor)
	o.Grace = orDefault(o.Grace, defaultGrace)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = Unobserved{}
	}
	return o
}

func orDefault[T int | int64 | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

func (o Options) validate() error {
	var problems []error
	if o.Name == "" {
		problems = append(problems, errors.New("field Name is missing"))
	}
	if o.Log == nil || o.Mapper == nil || o.Client == nil {
		problems = append(problems, errors.New("fields Log, Mapper and Client are all required"))
	}
	for _, field := range []struct {
		name  string
		value int64
	}{
		{"KeyPerMinute", int64(o.KeyPerMinute)},
		{"UserPerMinute", int64(o.UserPerMinute)},
		{"MaxConcurrency", int64(o.MaxConcurrency)},
		{"WindowEvents", int64(o.WindowEvents)},
		{"WindowBytes", o.WindowBytes},
		{"RetryFor", int64(o.RetryFor)},
		{"SkipUnchanged", int64(o.SkipUnchanged)},
		{"Grace", int64(o.Grace)},
		{"Open", int64(o.Open)},
		{"RecentOfUser", int64(o.RecentOfUser)},
	} {
		if field.value < 0 {
			problems = append(problems, fmt.Errorf("field %s is %d, must not be negative", field.name, field.value))
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("delivery options: %w", errors.Join(problems...))
	}
	return nil
}

// leastConcurrency is what the search for the right concurrency does not go below: more than enough to keep the processors busy.
func leastConcurrency() int { return max(4, 2*runtime.GOMAXPROCS(0)) }
