package delivery

import (
	"slices"
	"sync"
	"time"
)

// Right is what entitles a worker to a destination where several processes could deliver to it.
type Right interface {
	// Valid reports whether calls may be made at this moment. It is asked before each, so it must be quick.
	Valid() bool

	// Lost is closed when the right is lost for good. The worker then breaks off the calls under way and ends.
	Lost() <-chan struct{}
}

// Account is what a worker's successor has to know of its calls to keep the limit of the API key, beside what the outcomes
// tell.
type Account struct {
	// Failures are the calls of the last minute that led to no outcome, the oldest first.
	Failures []Failures

	// Open is how many calls there may have been beside: those under way, those whose outcome is not on disk yet, and
	// what is begun until the account is noted the next time. It is 0 once the worker has ended in order.
	Open int

	version uint64
	ended   bool
}

// Failures are calls that led to no outcome.
type Failures struct {
	At    time.Time // when the last of them ended; to the second
	Calls int
}

// Account says what a successor would have to know at this moment. Noted is to be told when that is stored: as long as it is
// not, the worker makes Options.Open calls more at most.
func (w *Worker) Account() Account {
	a := w.ledger.read(time.Now())
	if !a.ended {
		a.Open = w.o.Open
	}
	return a
}

// Noted takes note that an account is where a successor will find it.
func (w *Worker) Noted(a Account) { w.ledger.stored(a.version) }

// ledger keeps account of the calls that lead to no outcome.
type ledger struct {
	mu       sync.Mutex
	failures []Failures
	total    uint64 // failures ever
	noted    uint64 // of these, those that were in an account that was noted
	ended    bool   // there will be no more, and every call has its outcome or is among them
	wake     chan<- struct{}
}

// begin takes over what predecessors' accounts have told of.
func (l *ledger) begin(recent []PastCall) {
	recent = slices.DeleteFunc(slices.Clone(recent), func(c PastCall) bool { return !c.Lost })
	slices.SortFunc(recent, func(a, b PastCall) int { return a.At.Compare(b.At) })
	for _, c := range recent {
		l.fail(c.At)
	}
	l.noted = l.total
}

// fail counts a call that has ended without an outcome.
func (l *ledger) fail(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if n := len(l.failures); n > 0 && at.Sub(l.failures[n-1].At) < time.Second && at.Second() == l.failures[n-1].At.Second() {
		l.failures[n-1].Calls++
		l.failures[n-1].At = at
		return
	}
	l.failures = append(l.failures, Failures{At: at, Calls: 1})
}

// open is how many failures no account has told of that was noted.
func (l *ledger) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.total - l.noted)
}

func (l *ledger) read(now time.Time) Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = slices.DeleteFunc(l.failures, func(f Failures) bool { return now.Sub(f.At) > span })
	return Account{Failures: slices.Clone(l.failures), version: l.total, ended: l.ended}
}

func (l *ledger) stored(version uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted = max(l.noted, version)
	if l.wake != nil {
		signal(l.wake)
	}
}

// end notes that the worker has ended in order.
func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// tell has the scheduler that listens to wake told of every note.
func (l *ledger) tell(wake chan<- struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake = wake
}
