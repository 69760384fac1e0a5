package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/internal/archive"
	"tanker/internal/journal"
)

// stream is a stream with its messages.
type stream struct {
	journal.StoredStream
	messages []journal.StoredMessage
}

// pack is the beginning of a pack of so many events, which is all that a file's reader looks at.
func pack(events byte) []byte { return []byte{1, 0, 7, 0, 0, 0, 0, 0, 0, 0, events, 'x'} }

func sample() []stream {
	at := time.Unix(0, 1_790_000_000_123_456_789).UTC()
	events := stream{StoredStream: journal.StoredStream{Name: "EVENTS", First: 5, Last: 400, Messages: 3, Bytes: 600}}
	for i, seq := range []uint64{5, 6, 300} {
		events.messages = append(events.messages, journal.StoredMessage{
			Seq: seq, Time: at.Add(time.Duration(i) * time.Nanosecond), Subject: "events.web.local", Data: pack(byte(i + 1)),
		})
	}
	return []stream{
		{StoredStream: journal.StoredStream{Name: "DEAD", First: 9, Last: 8}},
		events,
		{journal.StoredStream{Name: "KV_PAUSED", First: 1, Last: 1, Messages: 1, Bytes: 50}, []journal.StoredMessage{{
			Seq: 1, Time: at.Add(-time.Hour), Subject: "$KV.PAUSED.production", Header: []byte("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n"),
		}}},
	}
}

func write(t testing.TB, streams []stream) []byte {
	t.Helper()
	var file bytes.Buffer
	header := archive.Header{ID: "id", Made: time.Unix(1, 0).UTC(), Program: "1.2.3"}
	for _, s := range streams {
		header.Streams = append(header.Streams, s.StoredStream)
	}
	w, err := archive.NewWriter(&file, header)
	for _, s := range streams {
		err = errors.Join(err, w.Write(s.StoredStream, func(put func(*journal.StoredMessage) error) error {
			for i := range s.messages {
				if err := put(&s.messages[i]); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	if _, closing := w.Close(); errors.Join(err, closing) != nil {
		t.Fatal(err, closing)
	}
	return file.Bytes()
}

// read reads a whole file.
func read(ctx context.Context, file io.Reader) ([]stream, archive.Summary, error) {
	r, err := archive.NewReader(file)
	if err != nil {
		return nil, archive.Summary{}, err
	}
	var streams []stream
	for _, s := range r.Header().Streams {
		read := stream{StoredStream: s}
		err := r.Read(ctx, s.Name, func(m *journal.StoredMessage) error {
			kept := *m
			kept.Header, kept.Data = slices.Clone(m.Header), slices.Clone(m.Data)
			read.messages = append(read.messages, kept)
			return nil
		})
		if err != nil {
			return nil, archive.Summary{}, err
		}
		streams = append(streams, read)
	}
	summary, err := r.Close(ctx)
	return streams, summary, err
}

func compare() cmp.Option {
	return cmp.Options{cmp.AllowUnexported(stream{}), cmp.Transformer("bytes", func(b []byte) string { return string(b) })}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	streams, summary, err := read(t.Context(), bytes.NewReader(write(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), streams, compare()); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
	if summary.Streams != 3 || summary.Messages != 4 || summary.Events != 6 {
		t.Errorf("got %+v", summary)
	}
}

// Messages of all sizes, in more than one frame.
func TestAnyMessagesAreRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := stream{StoredStream: journal.StoredStream{Name: "OUTCOMES", First: 1}}
		at := time.Unix(0, rapid.Int64Range(0, 1<<62).Draw(rt, "begin")).UTC()
		for range rapid.IntRange(0, 30).Draw(rt, "messages") {
			s.Last += rapid.Uint64Range(1, 1<<40).Draw(rt, "gap")
			s.Messages++
			size := rapid.SampledFrom([]int{0, 1, 1000, 200_000, 1 << 20}).Draw(rt, "size")
			s.messages = append(s.messages, journal.StoredMessage{
				Seq: s.Last, Time: at.Add(time.Duration(rapid.Int32().Draw(rt, "time"))),
				Subject: "outcomes." + rapid.StringMatching(`[a-z]{1,20}`).Draw(rt, "subject"), Data: bytes.Repeat([]byte{byte(size)}, size),
			})
		}
		streams, _, err := read(t.Context(), bytes.NewReader(write(t, []stream{s})))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff([]stream{s}, streams, compare()); diff != "" {
			rt.Errorf("(-written +read):\n%s", diff)
		}
	})
}

func TestStreamsMayBeSkipped(t *testing.T) {
	r, err := archive.NewReader(bytes.NewReader(write(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := r.Read(t.Context(), "KV_PAUSED", func(*journal.StoredMessage) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
	if err := r.Read(t.Context(), "EVENTS", func(*journal.StoredMessage) error { return nil }); err == nil {
		t.Error("a stream was read that had been skipped")
	}
	if _, err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCutFilesAreRefused(t *testing.T) {
	file := write(t, sample())
	for n := range file {
		_, _, err := read(t.Context(), bytes.NewReader(file[:n]))
		if !errors.Is(err, archive.ErrTruncated) && !errors.Is(err, archive.ErrFormat) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(file), err)
		}
		if errors.Is(err, archive.ErrTruncated) && !strings.Contains(err.Error(), fmt.Sprintf("byte %d", n)) {
			t.Fatalf("the first %d of %d bytes: it is not said where: %v", n, len(file), err)
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	file := write(t, sample())
	for n := range file {
		damaged := slices.Clone(file)
		damaged[n] ^= 0x10
		if _, _, err := read(t.Context(), bytes.NewReader(damaged)); err == nil {
			t.Fatalf("byte %d of %d was changed, and nobody noticed", n, len(file))
		}
	}
	if _, _, err := read(t.Context(), bytes.NewReader(append(file, 0))); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("something follows the end: %v", err)
	}
	if _, err := archive.NewReader(strings.NewReader("Tanker journal 2\n")); !errors.Is(err, archive.ErrFormat) || !strings.Contains(err.Error(), "version") {
		t.Errorf("a later version: %v", err)
	}
}

// Files that are whole, but hold what no journal does.
func TestNonsenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(s []stream){
		"unknown stream":       func(s []stream) { s[0].Name = "OTHERS" },
		"twice":                func(s []stream) { s[0] = s[1] },
		"sequences descend":    func(s []stream) { s[1].messages[1].Seq = 5 },
		"before the first":     func(s []stream) { s[1].First = 6 },
		"after the last":       func(s []stream) { s[1].Last = 299 },
		"too many":             func(s []stream) { s[1].Messages = 400 },
		"sequence 0":           func(s []stream) { s[1].First = 0 },
		"subject of another":   func(s []stream) { s[1].messages[0].Subject = "dead.web.1" },
		"subject with a star":  func(s []stream) { s[1].messages[0].Subject = "events.*" },
		"endless subject":      func(s []stream) { s[1].messages[0].Subject = "events." + strings.Repeat("x", 300) },
		"header that is none":  func(s []stream) { s[2].messages[0].Header = []byte("HTTP/1.1 200\r\n\r\n") },
		"header and more":      func(s []stream) { s[2].messages[0].Header = []byte("NATS/1.0\r\na: b\r\n\r\nmore") },
		"header without a end": func(s []stream) { s[2].messages[0].Header = []byte("NATS/1.0\r\na: b\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			s := sample()
			change(s)
			if _, _, err := read(t.Context(), bytes.NewReader(write(t, s))); !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), "byte ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := read(ctx, bytes.NewReader(write(t, sample()))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheCallerAreItsOwn(t *testing.T) {
	r, err := archive.NewReader(bytes.NewReader(write(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	mine := fmt.Errorf("no room: %w", journal.ErrCorrupt)
	if err := r.Read(t.Context(), "EVENTS", func(*journal.StoredMessage) error { return mine }); err != mine {
		t.Errorf("got %v", err)
	}
}

// FuzzReader reads what may be a file. What is read without an error is a file: written again, it says the same.
func FuzzReader(f *testing.F) {
	file := write(f, sample())
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add([]byte("Tanker journal 1\nH\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		streams, summary, err := read(t.Context(), bytes.NewReader(data))
		if err != nil {
			return
		}
		again, same, err := read(t.Context(), bytes.NewReader(write(t, streams)))
		if err != nil || same != summary {
			t.Fatalf("%v, %+v, before %+v", err, same, summary)
		}
		if diff := cmp.Diff(streams, again, compare()); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzContent is FuzzReader behind the checksums: the bytes are those of the messages.
func FuzzContent(f *testing.F) {
	f.Add([]byte("\x05\x02\x10events.web.local\x00\x0b\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, content []byte) {
		n := 0
		err := archive.ReadMessages(content, journal.StoredStream{Name: "EVENTS", First: 1, Last: 1 << 40, Messages: 1}, func(m *journal.StoredMessage) error {
			if n++; len(m.Subject)+len(m.Header)+len(m.Data) > len(content) {
				t.Errorf("%d bytes out of %d", len(m.Data), len(content))
			}
			return nil
		})
		if err == nil && n == 0 && len(content) > 0 {
			t.Error("bytes that mean nothing")
		}
	})
}
