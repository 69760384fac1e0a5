package transform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"tanker/event"
	"tanker/mapping"
)

func documented(tb testing.TB) *mapping.Mapper {
	tb.Helper()
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func run(t *testing.T, in io.Reader, limits event.Limits) (string, Counts) {
	t.Helper()
	var out bytes.Buffer
	counts, err := Run(context.Background(), in, &out, Options{Mapper: documented(t), Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), counts
}

func TestRun(t *testing.T) {
	const in = `{"type":"identify","userId":"u1","messageId":" m<1> ","traits":{"n":12345678901234567890}}
{"type":"track","userId":"u1","messageId":"m2"}
{"type":"screen","userId":"u1","messageId":"m3"}

  	{"type":"page","userId":"u1"}  ` + "\r" + `
no JSON
["no object"]
{"type":"page","userId":"u1"} {}
{"type":"page","userId":"u1","properties":{"long":"12345678901234567890123456789012345678901234567890"}}
{"type":"page","userId":"u1","a":[[[[[]]]]]}
{"type":"page","userId":"last line without an end"}`
	const want = `{"messageId":"m\u003c1\u003e","call":{"method":"POST","path":"/v1/identify-user","body":{"id":"u1","n":12345678901234567890}}}
{"messageId":"m2","rejected":{"reason":"no_event_name","message":"The track call has no event name: send event, a string that is not empty."}}
{"messageId":"m3","filtered":{"reason":"unsupported_type"}}
{"messageId":null,"call":{"method":"POST","path":"/v1/track-event","body":{"id":"u1","event":"pageView"}}}
{"messageId":null,"rejected":{"reason":"malformed","message":"line 6: invalid JSON: want a value at byte 0"}}
{"messageId":null,"rejected":{"reason":"malformed","message":"line 7: event is not a JSON object: found array at byte 0"}}
{"messageId":null,"rejected":{"reason":"malformed","message":"line 8: invalid JSON: want the end of the input at byte 30"}}
{"messageId":null,"rejected":{"reason":"too_large","message":"line 9: the line is too long: 104 bytes of at most 100"}}
{"messageId":null,"rejected":{"reason":"malformed","message":"line 10: nested too deep: more than 4 levels at byte 36"}}
{"messageId":null,"call":{"method":"POST","path":"/v1/track-event","body":{"id":"last line without an end","event":"pageView"}}}
`
	for name, reader := range map[string]io.Reader{
		"at once": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in)), "error with data": iotest.DataErrReader(strings.NewReader(in)),
	} {
		got, counts := run(t, reader, event.Limits{MaxBytes: 100, MaxDepth: 4})
		if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if counts != (Counts{Calls: 3, Rejected: 6, Filtered: 1}) || counts.Total() != 10 {
			t.Errorf("%s: counts %+v", name, counts)
		}
	}
}

func TestNothing(t *testing.T) {
	for _, in := range []string{"", "\n", " \n\t\n"} {
		if out, counts := run(t, strings.NewReader(in), event.Limits{}); out != "" || counts.Total() != 0 {
			t.Errorf("%q gives %q, %+v", in, out, counts)
		}
	}
}

// endless is a stream of one byte without end, up to a number of bytes.
type endless struct{ left int }

func (r *endless) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), r.left)
	for i := range p[:n] {
		p[i] = 'x'
	}
	r.left -= n
	return n, nil
}

func TestLongLineTakesNoMemory(t *testing.T) {
	const size = 256 << 20
	in := io.MultiReader(&endless{size}, strings.NewReader("\n{\"type\":\"page\",\"userId\":\"u\"}\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, counts := run(t, in, event.Limits{})
	runtime.ReadMemStats(&after)
	if counts != (Counts{Calls: 1, Rejected: 1}) || !strings.Contains(out, `"reason":"too_large","message":"line 1: `) {
		t.Errorf("%+v, %s", counts, out)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
		t.Errorf("%d bytes were allocated for a line of %d", used, size)
	}
}

// TestAnswersComeAtOnce feeds a line at a time and waits for its answer before the next.
func TestAnswersComeAtOnce(t *testing.T) {
	inReader, inWriter := io.Pipe()
	outReader, outWriter := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), inReader, outWriter, Options{Mapper: documented(t)})
		done <- errors.Join(err, outWriter.Close())
	}()
	answers := bufio.NewReader(outReader)
	for _, in := range []string{"{\"type\":\"page\",\"userId\":\"u1\"}\n{\"type\":", "\"page\",\"userId\":\"u2\"}\n"} {
		if _, err := io.WriteString(inWriter, in); err != nil {
			t.Fatal(err)
		}
		if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, `"call"`) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	inWriter.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	line := "{\"type\":\"page\",\"userId\":\"u\"}\n"
	o := Options{Mapper: documented(t)}

	var out bytes.Buffer
	counts, err := Run(context.Background(), io.MultiReader(strings.NewReader(line+"{"), iotest.ErrReader(broken)), &out, o)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "reading line 2") || counts.Calls != 1 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("broken input: %v, %+v, %q", err, counts, out.String())
	}
	if _, err = Run(context.Background(), strings.NewReader(line), brokenWriter{broken}, o); !errors.Is(err, broken) {
		t.Errorf("broken output: %v", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(broken)
	if counts, err = Run(ctx, strings.NewReader(line), io.Discard, o); !errors.Is(err, broken) || counts.Total() != 0 {
		t.Errorf("ended context: %v, %+v", err, counts)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func BenchmarkRun(b *testing.B) {
	line := []byte(`{"type":"track","userId":"u1","messageId":"m1","event":"Order Completed","context":{"traits":{"email":"alex@example.com"}}}` + "\n")
	in := bytes.Repeat(line, 1000)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Run(b.Context(), bytes.NewReader(in), io.Discard, Options{Mapper: documented(b)}); err != nil {
			b.Fatal(err)
		}
	}
}
