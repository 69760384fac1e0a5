package faults

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"tanker/internal/tankertest"
	"tanker/internal/trials"
)

// concurrency bounds the calls under way and those whose outcome is not on disk, and so the calls that a kill may repeat.
const concurrency = 48

// mostMemory is what a Tanker may take in a round with events of a usual size, in bytes.
const mostMemory = 250 << 20

// mostWithLarge is what it may take with events of 64 KiB.
const mostWithLarge = 340 << 20

// setup says what a trial is made with.
type setup struct {
	users    int
	padding  int    // bytes that make each event larger
	memory   int64  // what Tanker may take at most, in bytes; 0 is mostMemory
	settings string // further lines of the destination, each indented by four spaces
	journal  string // lines of the journal, each indented by two spaces
	dir      string // where Tanker's data is; "" is a folder of the test
	binary   string // "" is Tanker as it is
	letters  bool   // events may become dead letters
	limits   string // of the destination, in YAML; "" is none
}

// trial is one round: a Tanker, what sends to it and what it sends to.
type trial struct {
	*testing.T

	refiner *trials.Refiner
	process *tankertest.Process
	traffic *trials.Traffic
	watch   *watch
	output  *tail
	kills   int
	sending sync.WaitGroup
}

func newTrial(t *testing.T, s setup) *trial {
	t.Helper()
	tr := &trial{T: t, refiner: trials.NewRefiner(t), output: &tail{}}
	if s.binary == "" {
		var err error
		if s.binary, err = program(); err != nil {
			t.Fatal(err)
		}
	}
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	var err error
	tr.process, err = tankertest.New(tankertest.Options{
		Binary: s.binary, Dir: s.dir, Refiner: tr.refiner.URL(), Journal: s.journal, Log: tr.output,
		Settings: fmt.Sprintf("    max_concurrency: %d\n    limits: %s\n",
			concurrency, cmp.Or(s.limits, "{key_per_minute: 0, user_per_minute: 0}")) + s.settings,
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.traffic = trials.NewTraffic(s.users, s.padding, tr.process.URL)
	tr.start()
	t.Cleanup(func() {
		if code := tr.stop(); code != 0 {
			t.Errorf("a Tanker that is stopped ends with %d, want 0", code)
		}
		if t.Failed() {
			t.Logf("the last that Tanker said:\n%s", tr.output.bytes())
		}
	})
	tr.watch = startWatch(t, tr.process, tr.traffic, cmp.Or(s.memory, mostMemory))
	tr.watch.letters.Store(s.letters)
	return tr
}

// within is a context for something that must have happened by then.
func (tr *trial) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(tr.Context(), d)
	tr.Cleanup(cancel)
	return ctx
}

func (tr *trial) start() {
	tr.Helper()
	if err := tr.process.Start(tr.Context()); err != nil {
		tr.Fatal(err)
	}
}

func (tr *trial) stop() (code int) {
	tr.Helper()
	if err := tr.process.Stop(); err != nil {
		tr.Error(err)
	}
	return tr.process.Wait()
}

func (tr *trial) kill() {
	tr.Helper()
	tr.kills++
	if err := tr.process.Kill(); err != nil {
		tr.Fatal(err)
	}
}

// send sends every user's next events and waits until they are answered.
func (tr *trial) send(each, perSecond int) {
	tr.Helper()
	if err := tr.traffic.Send(tr.within(size(5*time.Minute, 15*time.Minute)), each, perSecond); err != nil {
		tr.Errorf("sending: %v", err)
	}
}

// sendMeanwhile sends beside what follows; see sent.
func (tr *trial) sendMeanwhile(each, perSecond int) {
	tr.sending.Go(func() { tr.send(each, perSecond) })
}

// sent waits until everything is answered 200.
func (tr *trial) sent(most time.Duration) {
	tr.Helper()
	all := make(chan struct{})
	go func() {
		tr.sending.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-tr.within(most).Done():
		tr.Fatalf("%d events were answered 200 and %d requests 5xx, not all after %s", tr.traffic.Total.Load(), tr.traffic.Refused.Load(), most)
	}
}

// await waits until something holds, and is fatal if it does not in time.
func (tr *trial) await(what string, most time.Duration, holds func() bool) {
	tr.Helper()
	if err := tankertest.Await(tr.within(most), func() (bool, error) { return holds(), nil }); err != nil {
		d, statusErr := tr.process.Destination(tr.Context())
		tr.Fatalf("%s: not after %s; the destination is %+v, %v", what, most, d, statusErr)
	}
}

// arrives waits until so many calls have come in, more than did before.
func (tr *trial) arrives(calls int64, most time.Duration) {
	tr.Helper()
	want := tr.refiner.Calls.Load() + calls
	tr.await(fmt.Sprintf("%d more calls", calls), most, func() bool { return tr.refiner.Calls.Load() >= want })
}

// holds checks all that is promised, once everything that was sent is delivered.
func (tr *trial) holds(most time.Duration) {
	tr.Helper()
	tr.sent(most)
	want := uint64(tr.traffic.Total.Load())
	tr.await("everything is delivered", most, func() bool {
		d, err := tr.process.Destination(tr.Context())
		return err == nil && d.Pending == 0 && d.Accepted >= want
	})
	d, err := tr.process.Destination(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	if d.Accepted != want || d.Totals.Delivered != want {
		tr.Errorf("%d events were answered 200; accepted %d, totals %+v", want, d.Accepted, d.Totals)
	}
	tr.watch.end(tr.T)
	repeats := trials.Check(tr, tr.refiner, tr.traffic)
	tr.Logf("%d events of %d users, %d kills: %d calls, %d of them hidden, %d repeated; at most %d MiB of memory and %d files",
		want, len(tr.traffic.Answered), tr.kills, tr.refiner.Calls.Load(), tr.refiner.Hidden.Load(), repeats,
		tr.watch.memory>>20, tr.watch.files)
	if most := tr.mostRepeats(); int64(repeats) > most {
		tr.Errorf("%d calls were repeated, more than the %d that can have been under way", repeats, most)
	}
}

// mostRepeats is how many calls Tanker may make again: what a kill interrupts, and what it cannot know to have arrived.
func (tr *trial) mostRepeats() int64 {
	if tr.kills > 0 {
		return int64(tr.kills*concurrency) + tr.refiner.Hidden.Load()
	}
	return tr.refiner.Hidden.Load() + tr.refiner.Late.Load()
}

// signal sends Tanker a signal.
func (tr *trial) signal(s os.Signal) {
	tr.Helper()
	if err := tr.process.Signal(s); err != nil {
		tr.Fatal(err)
	}
}

// moments are n numbers up to most, spread at random and in order.
func moments(n int, most int64) []int64 {
	at := make([]int64, n)
	for i := range at {
		at[i] = int64((float64(i) + rand.Float64()) / float64(n) * float64(most))
	}
	return at
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailBytes {
		t.kept = bytes.Clone(t.kept[len(t.kept)-tailBytes:])
	}
	return len(p), nil
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept)
}
