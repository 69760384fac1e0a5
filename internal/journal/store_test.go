package journal

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// leftBehind are streams that say who works on a journal at the moment, which is nobody's when it is copied.
var leftBehind = []string{bucketStream + bucketUnfinished, bucketStream + bucketLeases}

// A copy has to hold whatever a journal stores.
func TestCopiesHoldEveryStream(t *testing.T) {
	j, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}()
	names := j.js.StreamNames(t.Context())
	var there []string
	for name := range names.Name() {
		if !slices.Contains(leftBehind, name) {
			there = append(there, name)
		}
	}
	slices.Sort(there)
	if diff := cmp.Diff(there, slices.Sorted(maps.Keys(streamPrefixes))); diff != "" || names.Err() != nil {
		t.Errorf("(-there +copied): %v\n%s", names.Err(), diff)
	}
	info, err := j.events.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := storedStreams(); all[len(all)-1] == info.Config.Name {
		t.Errorf("the largest stream comes last, although an interrupted copy begins it anew: %v", all)
	}
}

func TestHeadersAreReadAsTheyAreWritten(t *testing.T) {
	for _, header := range []string{"", "NATS/1.0\r\nA: b\r\nA: c\r\nTanker-User: x y\r\n\r\n"} {
		m := StoredMessage{Seq: 1, Subject: "dead.x.1-0", Header: []byte(header)}
		if err := m.Check(streamDead); err != nil {
			t.Errorf("%q: %v", header, err)
		}
	}
}
