package faults

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tanker/internal/trials"
)

// tear damages the end of a file, as a write does that the power cut or the disk broke off.
type tear func(t *testing.T, f *os.File, size int64)

// tails are ends of files that were never acknowledged to anybody: all before them must be there.
var tails = map[string]tear{
	"noise": func(t *testing.T, f *os.File, size int64) {
		noise := make([]byte, 1+mathrand.N(4096))
		_, _ = rand.Read(noise) // never fails
		write(t, f, noise, size)
	},
	"zeros": func(t *testing.T, f *os.File, size int64) {
		write(t, f, make([]byte, 1+mathrand.N(4096)), size)
	},
	"half a record": func(t *testing.T, f *os.File, size int64) {
		write(t, f, lastOf(t, f, size, 300)[:150], size)
	},
}

// cuts are ends that were lost after they had been acknowledged.
var cuts = map[string]tear{
	"cut": func(t *testing.T, f *os.File, size int64) {
		if err := f.Truncate(size - 1 - mathrand.N(min(size-1, 60))); err != nil {
			t.Fatal(err)
		}
	},
	"garbled": func(t *testing.T, f *os.File, size int64) {
		noise := make([]byte, min(size, 40))
		_, _ = rand.Read(noise) // never fails
		write(t, f, noise, size-int64(len(noise)))
	},
}

// TestTornTail breaks off what was being written to a stream when Tanker was killed.
func TestTornTail(t *testing.T) {
	for _, stream := range some("EVENTS", "OUTCOMES", "KV_CURSORS") {
		for name, tear := range tails {
			if !*full && name != "half a record" {
				continue
			}
			t.Run(stream+" "+name, func(t *testing.T) {
				inRounds(t, func(t *testing.T) {
					tr := tornTrial(t)
					tearNewest(t, tr, stream, tear)
					tr.start()
					tr.holds(time.Minute)
				})
			})
		}
	}
}

// TestTornParked breaks off what was being written to PARKED, or to DEAD, when Tanker was killed while some users' events
// wait or are refused.
func TestTornParked(t *testing.T) {
	for _, stream := range some("PARKED", "DEAD") {
		for name, tear := range tails {
			if !*full && name != "half a record" {
				continue
			}
			t.Run(stream+" "+name, func(t *testing.T) {
				inRounds(t, func(t *testing.T) {
					tr := newTrial(t, setup{users: 20, letters: true, settings: "    window: {events: 128}\n"})
					const failing, refused = 4, 6 // users
					tr.refiner.Become(failsAndRefuses(failing, refused))
					tr.sendMeanwhile(size(60, 300), 0)
					tr.await("events are parked, and dead", time.Minute, func() bool {
						d, err := tr.process.Destination(tr.Context())
						return err == nil && d.Parked > 50 && len(d.Totals.Dead) > 0
					})
					tr.kill()
					tearNewest(t, tr, stream, tear)
					tr.start()
					tr.refiner.Become(failsAndRefuses(0, refused))
					tr.sent(time.Minute)
					tr.await("everything has its outcome", 6*time.Minute, tr.idle)
					tr.watch.end(t)
					tr.checkDead(refused, failing)
				})
			})
		}
	}
}

// checkDead wants all events of some users to be dead, each with its letter, and those of all others to be delivered in order.
func (tr *trial) checkDead(upTo, from int) {
	tr.Helper()
	d, err := tr.process.Destination(tr.Context())
	if err != nil {
		tr.Fatal(err)
	}
	dead := uint64(0)
	for u := from; u < upTo; u++ {
		dead += uint64(tr.traffic.Answered[u].Load())
	}
	all := uint64(tr.traffic.Total.Load())
	if d.Totals.Dead["refused_422"] != dead || d.Totals.Delivered != all-dead || d.Accepted != all {
		tr.Errorf("%+v, want %d dead of %d", d, dead, all)
	}
	if n := tr.countLetters(); n != int(dead) {
		tr.Errorf("%d dead letters, want %d", n, dead)
	}
	for u := range tr.traffic.Answered {
		if u >= from && u < upTo {
			continue
		}
		if _, err := trials.InOrder(tr.refiner.Arrived(trials.User(u)), int(tr.traffic.Answered[u].Load())); err != nil {
			tr.Errorf("%s: %v", trials.User(u), err)
		}
	}
}

// failsAndRefuses is a Refiner that fails the calls of the first users, and refuses those of the users from the fourth on.
func failsAndRefuses(failing, refused int) trials.Weather {
	return func(w http.ResponseWriter, r *http.Request, have func() trials.Answer) {
		for u := range refused {
			if !isOf(r, trials.User(u)) {
				continue
			}
			if u >= 4 {
				trials.Answer{Status: http.StatusUnprocessableEntity, Body: []byte(`{"message":"no"}`)}.Write(w)
				return
			}
			if u < failing {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		busy(w, r, have)
	}
}

// TestLostOutcomes takes back what Tanker had written down last about deliveries.
func TestLostOutcomes(t *testing.T) {
	for _, stream := range some("OUTCOMES", "KV_CURSORS") {
		for name, tear := range cuts {
			if !*full && name != "cut" {
				continue
			}
			t.Run(stream+" "+name, func(t *testing.T) {
				inRounds(t, func(t *testing.T) {
					tr := tornTrial(t)
					tr.watch.takesBack.Store(true)
					tr.kills += 20 // what the lost record says is repeated
					tearNewest(t, tr, stream, tear)
					tr.start()
					tr.holds(time.Minute)
				})
			})
		}
	}
}

// TestLostEvents takes back the last events that Tanker had acknowledged, which no promise covers: what comes after
// them must arrive nevertheless.
func TestLostEvents(t *testing.T) {
	for name, tear := range cuts {
		if !*full && name != "garbled" {
			continue
		}
		for _, delivered := range some(true, false) {
			t.Run(fmt.Sprintf("%s delivered %t", name, delivered), func(t *testing.T) {
				inRounds(t, func(t *testing.T) {
					tr := newTrial(t, setup{users: 20})
					if !delivered {
						tr.refiner.GoAway()
					}
					tr.watch.takesBack.Store(true)
					tr.send(5, 0)
					if delivered {
						tr.await("everything is delivered", time.Minute, tr.idle)
						tr.pass(1500 * time.Millisecond) // the cursor is saved
					}
					tr.kill()
					tearNewest(t, tr, "EVENTS", tear)
					if !delivered {
						tr.refiner.ComeBack(t)
					}
					before := tr.traffic.Counts()
					tr.start()
					tr.send(6, 0)
					tr.await("the new events are delivered", 20*time.Second, func() bool { return tr.missing(before) == 0 && tr.idle() })
					tr.watch.end(t)
				})
			})
		}
	}
}

// TestFlippedBits flips bits in the middle of what is stored of events, which are half delivered: what is lost is told, and
// everything else is delivered in order.
func TestFlippedBits(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		tr := newTrial(t, setup{users: 50, letters: true})
		tr.send(3, 0)
		tr.await("everything is delivered", time.Minute, tr.idle)
		tr.refiner.GoAway()
		tr.send(size(5, 50), 0)
		tr.pass(1500 * time.Millisecond) // the cursor is saved
		tr.watch.takesBack.Store(true)
		tr.kill()
		tearNewest(t, tr, "EVENTS", flipInTheMiddle)
		tr.refiner.ComeBack(t)
		before := tr.traffic.Counts()
		tr.start()
		tr.send(6, 0)
		tr.await("the new events are delivered", time.Minute, func() bool { return tr.missing(before) == 0 && tr.idle() })
		tr.watch.end(t)
		tr.ascending()
		d, err := tr.process.Destination(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d.Totals.Lost == 0 || d.Accepted != uint64(tr.traffic.Total.Load()) || d.Totals.Delivered+d.Totals.Lost != d.Accepted {
			t.Errorf("%+v; %d events were answered 200", d, tr.traffic.Total.Load())
		}
		if !bytes.Contains(tr.output.bytes(), []byte("events are gone from the journal")) {
			t.Error("the log does not tell of it")
		}
		t.Logf("%d of %d events are lost", d.Totals.Lost, d.Accepted)
	})
}

// flipInTheMiddle flips bits of an event from the middle on.
func flipInTheMiddle(t *testing.T, f *os.File, size int64) {
	t.Helper()
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	at := size / 2
	at += int64(bytes.Index(data[at:], []byte("events."))) + 60
	for i := range data[at:][:3] {
		data[at+int64(i)] ^= 0xff
	}
	write(t, f, data[at:][:3], at)
}

// some are the first of the cases in a short round, all in a long one.
func some[C any](cases ...C) []C {
	if *full {
		return cases
	}
	return cases[:1]
}

// tornTrial is a Tanker that was killed in the middle of its work.
func tornTrial(t *testing.T) *trial {
	t.Helper()
	tr := newTrial(t, setup{users: 50})
	tr.refiner.Become(busy)
	tr.send(4, 0)
	tr.kill()
	tr.start()
	tr.sendMeanwhile(8, 400)
	tr.arrives(60, time.Minute)
	tr.kill()
	return tr
}

func (tr *trial) idle() bool {
	d, err := tr.process.Destination(tr.Context())
	return err == nil && d.Pending == 0
}

// missing is how many of the events that were answered since have not arrived.
func (tr *trial) missing(before []int) (missing int) {
	for u, now := range tr.traffic.Counts() {
		arrived := map[int]bool{}
		for _, call := range tr.refiner.Arrived(trials.User(u)) {
			for _, i := range call {
				arrived[i] = true
			}
		}
		for i := before[u]; i < now; i++ {
			if !arrived[i] {
				missing++
			}
		}
	}
	return missing
}

// tearNewest damages the newest block of a stream.
func tearNewest(t *testing.T, tr *trial, stream string, tear tear) {
	t.Helper()
	dir := filepath.Join(tr.process.DataDir(), "journal", "jetstream", "$G", "streams", stream, "msgs")
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[int]string{}
	for _, f := range files {
		if number, ok := strings.CutSuffix(f.Name(), ".blk"); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			blocks[n] = f.Name()
		}
	}
	if len(blocks) == 0 {
		t.Skipf("the stream %s has no block", stream)
	}
	newest := blocks[slices.Max(slices.Collect(maps.Keys(blocks)))]
	f, err := os.OpenFile(filepath.Join(dir, newest), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 {
		t.Skipf("the newest block of %s is empty", stream)
	}
	tear(t, f, info.Size())
}

func write(t *testing.T, f *os.File, data []byte, at int64) {
	t.Helper()
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
}

func lastOf(t *testing.T, f *os.File, size, n int64) []byte {
	t.Helper()
	data := make([]byte, n)
	if _, err := f.ReadAt(data, max(0, size-n)); err != nil {
		t.Skipf("the block has only %d bytes: %v", size, err)
	}
	return data
}
