package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is what survives a crash: the events, what became of them, and what is known of retries.
type disk struct {
	mu       sync.Mutex
	entries  []journal.Entry
	outcomes map[journal.Position][]journal.Outcome
	retries  map[journal.Position]journal.Retry
	parked   map[string][]journal.Entry  // by user, in order, those with an outcome included
	places   map[journal.Position]string // of parked events, by user
	more     chan struct{}               // closed when entries are added
	letters  int64                       // bytes of dead letters there is room for
}

func newDisk(entries ...journal.Entry) *disk {
	d := &disk{
		outcomes: make(map[journal.Position][]journal.Outcome),
		retries:  make(map[journal.Position]journal.Retry),
		parked:   make(map[string][]journal.Entry),
		places:   make(map[journal.Position]string),
		more:     make(chan struct{}),
		letters:  1 << 40,
	}
	d.add(entries...)
	return d
}

// add accepts events. They get positions and times.
func (d *disk) add(entries ...journal.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		n := len(d.entries)
		e.Position = journal.At(uint64(n/10+1), n%10)
		e.Source = "web"
		e.MessageID = fmt.Sprintf("message-%d", n)
		e.ReceivedAt = time.Now().UTC().Truncate(time.Millisecond)
		d.entries = append(d.entries, e)
	}
	close(d.more)
	d.more = make(chan struct{})
}

// missing is how many events have no outcome.
func (d *disk) missing() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.entries) - len(d.outcomes)
}

// finished is how many events have an outcome.
func (d *disk) finished() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.outcomes)
}

func (d *disk) outcome(n int) journal.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.outcomes[d.entries[n].Position]
	if len(all) == 0 {
		return journal.Outcome{}
	}
	return all[0]
}

// retry is what is remembered of the first event's attempts.
func (d *disk) retry() journal.Retry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.retries[d.entries[0].Position]
}

// diskLog is a Log as one process sees it.
type diskLog struct {
	disk *disk
	pack int // most entries Next returns

	mu     sync.Mutex
	next   int
	lent   [][]byte                                // bodies of the latest pack
	dead   bool                                    // the process was killed: nothing reaches the disk any more
	broken error                                   // what Next and Finish return, unless nil
	noRoom error                                   // what Park returns, unless nil
	news   map[journal.Position]journal.ParkedUser // that Next has to tell
	out    map[string]int                          // how many of a user's parked events Unpark has returned
	slow   time.Duration                           // how long Finish takes
}

func (d *disk) open() *diskLog {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &diskLog{disk: d, pack: 7, news: d.news(), out: make(map[string]int)}
}

var errKilled = errors.New("killed")

func (l *diskLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return errKilled
	}
	return l.broken
}

func (l *diskLog) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *diskLog) breakDown(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
}

func (l *diskLog) Next(ctx context.Context) ([]journal.Entry, error) {
	for {
		if err := l.failure(); err != nil {
			return nil, err
		}
		entries, more := l.read()
		if len(entries) > 0 {
			return entries, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *diskLog) read() ([]journal.Entry, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, body := range l.lent {
		clear(body) // a pack's bodies are only lent
	}
	l.lent = nil
	var entries []journal.Entry
	for ; l.next < len(d.entries) && len(entries) < l.pack; l.next++ {
		e := d.entries[l.next]
		if _, parked := d.places[e.Position]; parked {
			if told, news := l.news[e.Position]; news {
				delete(l.news, e.Position)
				entries = append(entries, journal.Entry{Position: e.Position, Parked: &told})
			}
		} else if len(d.outcomes[e.Position]) == 0 {
			e.Retry = d.retries[e.Position]
			e.Body = slices.Clone(e.Body)
			l.lent = append(l.lent, e.Body)
			entries = append(entries, e)
		}
	}
	return entries, d.more
}

func (l *diskLog) Finish(ctx context.Context, outcomes []journal.Outcome) error {
	if l.slow > 0 {
		time.Sleep(l.slow)
	}
	if err := l.failure(); err != nil {
		return err
	}
	d := l.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	unburied := map[journal.Position]int64{}
	for _, o := range outcomes {
		if o.Kind == journal.Dead {
			if d.letters < letterBytes {
				unburied[o.Position] = letterBytes
				continue
			}
			d.letters -= letterBytes
		}
		d.outcomes[o.Position] = append(d.outcomes[o.Position], o)
	}
	if len(unburied) > 0 {
		return &journal.NoRoomError{Letters: unburied}
	}
	return ctx.Err()
}

// letterBytes is what a dead letter takes.
const letterBytes = 2048

func (l *diskLog) LetterRoom(context.Context) (int64, error) {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	return l.disk.letters, l.failure()
}

// letterRoom makes room for so many dead letters, or for no more of them.
func (d *disk) letterRoom(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters = n * letterBytes
}

func (l *diskLog) Defer(p journal.Position, r journal.Retry) {
	if l.failure() != nil {
		return
	}
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	l.disk.retries[p] = r
}

// received is a call that came in at the fake Refiner.
type received struct {
	at    time.Time
	user  string
	event string
	also  []string // the events that were merged into the call behind the first
	ok    bool
}

// events are all that the call brought, in order.
func (r received) events() []string { return append([]string{r.event}, r.also...) }

// fakeRefiner answers calls as the test wants.
type fakeRefiner struct {
	answer func(user, event string) error // nil accepts all; of a merged call event names all, with blanks between
	verify func() error                   // nil accepts
	delay  func(user string) time.Duration

	mu      sync.Mutex
	calls   []received
	flying  map[string]int
	most    int // calls at once
	overlap bool
	probes  []time.Time
}

func (f *fakeRefiner) Do(ctx context.Context, r refiner.Request) (refiner.Answer, error) {
	user, event, also := parseCall(r)
	f.enter(user)
	defer f.leave(user)
	if f.delay != nil {
		if d := f.delay(user); d > 0 && !sleep(ctx, d) {
			return refiner.Answer{}, &refiner.Error{Class: refiner.ClassCanceled, Err: ctx.Err()}
		}
	}
	var err error
	if f.answer != nil {
		err = f.answer(user, strings.Join(append([]string{event}, also...), " "))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, received{time.Now(), user, event, also, err == nil})
	if err != nil {
		return refiner.Answer{}, err
	}
	return refiner.Answer{Status: 200}, nil
}

func (f *fakeRefiner) enter(user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flying == nil {
		f.flying = make(map[string]int)
	}
	f.flying[user]++
	f.overlap = f.overlap || f.flying[user] > 1
	sum := 0
	for _, n := range f.flying {
		sum += n
	}
	f.most = max(f.most, sum)
}

func (f *fakeRefiner) leave(user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flying[user]--; f.flying[user] == 0 {
		delete(f.flying, user)
	}
}

func (f *fakeRefiner) Verify(context.Context) (refiner.Project, error) {
	f.mu.Lock()
	f.probes = append(f.probes, time.Now())
	f.mu.Unlock()
	if f.verify == nil {
		return refiner.Project{}, nil
	}
	return refiner.Project{}, f.verify()
}

func (f *fakeRefiner) seen() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fakeRefiner) probedAt() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.probes)
}

// parseCall reads what trackOf has written, or identifyOf.
func parseCall(r refiner.Request) (user, event string, also []string) {
	var call struct {
		ID, Event string
		Last      string
	}
	if err := json.Unmarshal(r.Body, &call); err != nil {
		panic(err)
	}
	var events []string
	for _, match := range traitOfEvent.FindAllSubmatch(r.Body, -1) {
		events = append(events, string(match[1]))
	}
	if len(events) == 0 {
		return call.ID, call.Event, nil
	}
	if call.Last != events[len(events)-1] {
		panic(fmt.Sprintf("the call brings the latest event's traits first: %s", r.Body))
	}
	return call.ID, events[0], events[1:]
}

var traitOfEvent = regexp.MustCompile(`"event ([^"]*)":true`)

// identifyOf is an identify call of a user that can be merged with others. It has one trait to tell it by, and one
// that all have.
func identifyOf(user, event string) journal.Entry {
	return journal.Entry{Type: "identify", Body: fmt.Appendf(nil, `{"userId":%q,"traits":{"event %s":true,"last":%q}}`, user, event, event)}
}

// trackOf is a track call of a user.
func trackOf(user, event string) journal.Entry {
	return journal.Entry{Type: "track", Body: fmt.Appendf(nil, `{"userId":%q,"event":%q}`, user, event)}
}

func documented(tb testing.TB) *mapping.Mapper {
	tb.Helper()
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
