package script

import (
	"fmt"
	"os"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"

	"github.com/dop251/goja"
)

// Codes that a child process exits with when a script cannot be interrupted.
const (
	exitTime   = 64
	exitMemory = 65
)

// look is how often a running script is looked at.
const look = 5 * time.Millisecond

// guard watches the process that runs a script, one event at a time.
type guard struct {
	limits Limits
	exit   func(code int)
}

// watch interrupts the script that runs in vm when it takes too much. When that does not help, because it hangs inside
// of a built-in function, the process ends. done ends the watch.
func (g *guard) watch(vm *goja.Runtime, allowed time.Duration) (done func()) {
	w := &watch{guard: g, vm: vm, allowed: allowed, begun: processorTime()}
	w.mu.Lock()
	w.timer = time.AfterFunc(look, w.check)
	w.mu.Unlock()
	return w.stop
}

type watch struct {
	*guard

	vm      *goja.Runtime
	allowed time.Duration // of processor time
	begun   time.Duration // the processor time at the start

	mu    sync.Mutex
	timer *time.Timer
	ended bool
	code  int           // to exit with; 0 as long as nothing is wrong
	last  time.Duration // processor time up to which an interrupted script may run on
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

func (w *watch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	used := processorTime() - w.begun
	switch {
	case w.code != 0 && used > w.last:
		w.exit(w.code)
	case w.code != 0: // let the interrupt take effect
	case heap() > w.limits.Memory:
		w.code, w.last = exitMemory, used+look
		w.vm.Interrupt(memoryMessage(w.limits))
	case used > w.allowed:
		w.code, w.last = exitTime, used+w.allowed
		w.vm.Interrupt(timeMessage(w.allowed))
	}
	w.timer.Reset(look)
}

func timeMessage(allowed time.Duration) string {
	return fmt.Sprintf("stopped after %s of processor time", allowed.Round(time.Millisecond))
}

func memoryMessage(l Limits) string {
	return fmt.Sprintf("stopped: it needs more than %d MB of memory", l.Memory>>20)
}

// processorTime is what this process has used. A script is not blamed for the time in which others ran.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// heap is how many bytes objects take that are alive or not yet collected.
func heap() int64 {
	sample := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample[:])
	return int64(sample[0].Value.Uint64())
}

func exit(code int) { os.Exit(code) }
