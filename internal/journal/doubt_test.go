package journal

import (
	"testing"
	"time"
)

// TestWriteInDoubt repeats events whose write failed although they were stored, which happens when a process stands
// still for longer than a write may take.
func TestWriteInDoubt(t *testing.T) {
	j, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxBytes: 64 << 20, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	entries := func(ids ...string) []Entry {
		var list []Entry
		for _, id := range ids {
			list = append(list, Entry{Source: "web", MessageID: id, ReceivedAt: time.Now().UTC(), Body: []byte(`{}`)})
		}
		return list
	}
	if err := j.Append(t.Context(), entries("a")); err != nil {
		t.Fatal(err)
	}
	subject := subjectEvents + "web." + j.opts.Writer
	w, err := j.writerFor(subject)
	if err != nil {
		t.Fatal(err)
	}

	w.unsure = true // nothing was stored, so far
	fence, err := w.settle(t.Context())
	if err != nil || len(fence) != 1 {
		t.Fatalf("%d conditions, %v; want the next write to be fenced", len(fence), err)
	}
	var packs packWriter
	if _, err := j.js.Publish(t.Context(), subject, packs.encode(1, entries("b", "c"))); err != nil {
		t.Fatal(err) // the write that was thought lost comes late
	}
	if _, err := j.js.Publish(t.Context(), subject, packs.encode(1, entries("b")), fence...); !overtaken(err) {
		t.Errorf("a fenced write ends with %v, want it to be overtaken", err)
	}

	for _, again := range [][]Entry{entries("b", "c"), entries("c", "d"), entries("e")} {
		if err := j.Append(t.Context(), again); err != nil {
			t.Fatal(err)
		}
	}
	usage, err := j.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if usage.Events != 5 || w.unsure {
		t.Errorf("%d events are stored, in doubt: %t; want a to e once each, and no doubt", usage.Events, w.unsure)
	}
}
