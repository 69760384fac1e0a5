package faults

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/tankertest"
	"tanker/internal/trials"
)

// mostFiles is how many files and connections a Tanker may have open in any round.
const mostFiles = 1000

// watch looks at a Tanker all the time.
type watch struct {
	process *tankertest.Process
	traffic *trials.Traffic
	most    int64 // memory that it may take, in bytes

	takesBack atomic.Bool // what was written down may be lost; set while no Tanker runs that has lost it

	letters atomic.Bool // events may become dead letters

	memory int64 // the most that was resident, in bytes
	files  int   // the most that were open
	last   admin.DestinationStatus
	wrong  error // the first thing

	cancel context.CancelFunc
	done   sync.WaitGroup
	once   sync.Once
}

func startWatch(t *testing.T, p *tankertest.Process, tr *trials.Traffic, most int64) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{process: p, traffic: tr, most: most, cancel: cancel}
	w.done.Go(func() { w.run(ctx) })
	t.Cleanup(func() { w.end(t) })
	return w
}

// end stops looking, and says what was wrong.
func (w *watch) end(t *testing.T) {
	t.Helper()
	w.cancel()
	w.done.Wait()
	w.once.Do(func() {
		if w.wrong != nil {
			t.Error(w.wrong)
		}
		if w.memory > w.most {
			t.Errorf("it took %d MiB of memory, want at most %d", w.memory>>20, w.most>>20)
		}
		if w.files > mostFiles {
			t.Errorf("it had %d files open, want at most %d", w.files, mostFiles)
		}
	})
}

func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pid := w.process.PID()
		w.memory = max(w.memory, peak(pid))
		w.files = max(w.files, openFiles(pid))
		if w.wrong == nil {
			w.wrong = w.totals(ctx)
		}
	}
}

// totals checks that everything adds up, and that nothing that was said before is taken back.
func (w *watch) totals(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answered := uint64(w.traffic.Total.Load())
	d, err := w.process.Destination(ctx)
	if err != nil {
		return nil //nolint:nilerr // it is being killed, or starts
	}
	before := w.last
	w.last = d
	if w.takesBack.Load() {
		answered, before = 0, admin.DestinationStatus{}
	}
	switch {
	case d.Totals.Sum()+d.Pending != d.Accepted:
		return fmt.Errorf("totals %+v and pending %d do not add up to accepted %d", d.Totals, d.Pending, d.Accepted)
	case d.Accepted < answered:
		return fmt.Errorf("%d events were answered 200, only %d count as accepted", answered, d.Accepted)
	case d.Accepted < before.Accepted || d.Totals.Delivered < before.Totals.Delivered:
		return fmt.Errorf("accepted %d and totals %+v, after %d and %+v", d.Accepted, d.Totals, before.Accepted, before.Totals)
	case d.Totals.Sum() != d.Totals.Delivered && !w.letters.Load():
		return fmt.Errorf("totals are %+v, want everything delivered", d.Totals)
	}
	return nil
}

// peak is the most memory that the process has had resident, in bytes; 0 if it is gone.
func peak(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64) // the kernel writes numbers
	return kib << 10
}

// openFiles is how many files the process has open.
func openFiles(pid int) int {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0
	}
	return len(files)
}
