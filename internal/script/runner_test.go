package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
)

const page = `{"type":"page","userId":"u1"}`

func TestScriptSeesTheCompletedEvent(t *testing.T) {
	r := runner(t, load(t, `export function transformEvent(event) { return event }`), Limits{})
	in := input(t, `{"userId":"u1","messageId":"m1","n":12345678901234567890}`)
	in.Envelope.Type = "page"
	out, err := r.Transform(t.Context(), in)
	if err != nil || len(out.Events) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	if diff := cmp.Diff(string(event.Enrich(in.Event, in.Envelope)), string(out.Events[0].Raw())); diff != "" {
		t.Errorf("(-completed +returned unchanged):\n%s", diff)
	}
	if got := out.Events[0].Type(); got != "page" {
		t.Errorf("its type is %q", got)
	}
}

// TestNothingIsShared runs a script that leaves traces wherever it can.
func TestNothingIsShared(t *testing.T) {
	r := runner(t, load(t, `
import * as hash from "@rs/hash/v1";
let count = 0;
export function transformEvent(event) {
  event.seen = [count++, globalThis.left, Array.prototype.left, Object.left, hash.left, ({}).left, JSON.parse === 1].map(String);
  globalThis.left = Object.prototype.left = Object.left = hash.left = "trace";
  JSON.stringify = () => '{"forged":true}';
  JSON.parse = 1;
  return event;
}`), Limits{})
	for range 3 {
		out, err := r.Transform(t.Context(), input(t, page))
		if err != nil {
			t.Fatal(err)
		}
		const want = `["0","undefined","undefined","undefined","undefined","undefined","false"]`
		if got := string(out.Events[0].Get("seen").Raw()); got != want {
			t.Errorf("an event sees of those before it: %s", got)
		}
	}
}

func TestLog(t *testing.T) {
	r := runner(t, load(t, `
export function transformEvent(event) {
  log("a", 1, null, undefined, { b: [2] });
  log();
  log("x".repeat(10000));
  for (let i = 0; i < 1000; i++) log(i);
  throw new Error("no");
}`), Limits{})
	out, err := r.Transform(t.Context(), input(t, page))
	if _, ok := errors.AsType[*Failure](err); !ok {
		t.Fatal(err)
	}
	if len(out.Log) != maxLines || out.Log[0] != `a 1 null undefined {"b":[2]}` || out.Log[1] != "" || len(out.Log[2]) > maxLine+len("…") || out.Log[3] != "0" {
		t.Errorf("%d lines: %.100q", len(out.Log), out.Log)
	}
}

// TestProcessThatDies kills the process between events, and while it works.
func TestProcessThatDies(t *testing.T) {
	var said bytes.Buffer
	r := runner(t, load(t, `export function transformEvent(event) { return event }`), Limits{})
	r.logger = slog.New(slog.NewTextHandler(&said, nil))
	for range 2 {
		if err := r.process.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if out, err := r.Transform(t.Context(), input(t, page)); err != nil || len(out.Events) != 1 {
			t.Fatalf("after a kill: %v, %v", out, err)
		}
	}
	if n := strings.Count(said.String(), "has ended: starting another"); n != 2 {
		t.Errorf("logged %d times: %s", n, said.String())
	}
}

// TestProcessThatCannotBeStarted waits until a program is there that can.
func TestProcessThatCannotBeStarted(t *testing.T) {
	s := load(t, `export function transformEvent(event) { return event }`)
	if _, err := New(Options{Source: s, Command: []string{"/nonexistent/program"}}); !errors.Is(err, errStart) {
		t.Errorf("error is %v", err)
	}
	if _, err := New(Options{Source: s, Command: []string{"/bin/sh", "-c", "echo out of order >&2"}}); !errors.Is(err, errStart) || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("error is %v", err)
	}

	r := runner(t, s, Limits{})
	command := r.o.Command
	r.o.Command = []string{"/nonexistent/program"}
	r.bury(errors.New("for the test"))
	ctx, cancel := context.WithCancel(t.Context())
	r.logger = slog.New(callHandler{slog.DiscardHandler, cancel})
	if _, err := r.Transform(ctx, input(t, page)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	r.logger = slog.New(callHandler{slog.DiscardHandler, func() { r.o.Command = command }})
	if out, err := r.Transform(t.Context(), input(t, page)); err != nil || len(out.Events) != 1 {
		t.Errorf("when there is a program again: %v, %v", out, err)
	}
}

// callHandler does something when a line is logged.
type callHandler struct {
	slog.Handler

	do func()
}

func (h callHandler) Enabled(context.Context, slog.Level) bool        { return true }
func (h callHandler) Handle(ctx context.Context, r slog.Record) error { h.do(); return nil }
func (h callHandler) WithAttrs([]slog.Attr) slog.Handler              { return h }

// TestProcessThatDoesNotAnswer has a program that reads and never says a word.
func TestProcessThatDoesNotAnswer(t *testing.T) {
	s := load(t, `export function transformEvent(event) { return event }`)
	_, err := New(Options{Source: s, Limits: Limits{Patience: 50 * time.Millisecond}, Command: []string{"/bin/sh", "-c", "cat >/dev/null; exec sleep 1000"}})
	if !errors.Is(err, errStart) {
		t.Errorf("error is %v", err)
	}
	r := runner(t, s, Limits{})
	r.process.limits.Patience = 50 * time.Millisecond
	if err := r.process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Transform(t.Context(), input(t, page)); err == nil || err.Error() != "t.js: no answer within 50ms" {
		t.Errorf("error is %v", err)
	}
	if out, err := r.Transform(t.Context(), input(t, page)); err != nil || len(out.Events) != 1 {
		t.Errorf("afterwards: %v, %v", out, err)
	}
}

func TestProcessSeesNoEnvironment(t *testing.T) {
	t.Setenv("REFINER_API_KEY", "secret")
	r := runner(t, load(t, `export function transformEvent(event) { return event }`), Limits{})
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", r.process.cmd.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no /proc")
	}
	if err != nil || strings.Contains(string(environment), "REFINER") || strings.Contains(string(environment), "PATH") {
		t.Errorf("%q, %v", environment, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	r := runner(t, load(t, `export function transformEvent(event) { event.event = "seen " + event.userId; return [event, event] }`), Limits{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				out, err := r.Transform(t.Context(), input(t, fmt.Sprintf(`{"type":"track","userId":"%d"}`, i)))
				if err != nil || len(out.Events) != 2 || out.Events[1].EventName().Text() != fmt.Sprintf("seen %d", i) {
					t.Errorf("%v, %v", out, err)
				}
			}
		})
	}
	all.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Transform(t.Context(), input(t, page)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestLargeEvent(t *testing.T) {
	r := runner(t, load(t, `export function transformEvent(event) { event.x = 1; return event }`), Limits{Time: 10 * time.Second})
	text := `{"type":"track","userId":"u","a":"` + strings.Repeat("x", 2<<20) + `","b":[` + strings.Repeat(`{"n":1.0},`, 50_000) + `{}]}`
	out, err := r.Transform(t.Context(), input(t, text))
	if err != nil || len(out.Events) != 1 || !bytes.HasSuffix(out.Events[0].Get("b").Raw(), []byte(`{"n":1.0},{}]`)) {
		t.Errorf("%v", err)
	}
}

func BenchmarkTransform(b *testing.B) {
	const in = `{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","properties":{"order_id":"o1","total":27.5,"products":[{"name":"tea","price":3.5},{"name":"cup","price":24}]},"context":{"traits":{"email":"alex@example.com","plan":"gold"},"library":{"name":"analytics-node","version":"2.0.0"}}}`
	e, err := event.Parse([]byte(in), event.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	s := Source{Name: "t.js", Code: `
import { sha256 } from "@rs/hash/v1";
export function transformEvent(event) {
  if (event.event === "Heartbeat") return;
  event.context.traits.email = sha256(event.context.traits.email);
  return event;
}`}
	r, err := New(Options{Source: s})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if _, err := r.Transform(b.Context(), Input{Event: e, Envelope: event.Envelope{ReceivedAt: received}}); err != nil {
			b.Fatal(err)
		}
	}
}
