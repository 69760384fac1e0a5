package dead

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tanker/internal/journal"
)

const patient = time.Minute

func TestCensusRemembers(t *testing.T) {
	log := &memory{}
	log.add(letter("1", "u1", "no"), letter("2", "u2", "no"), letter("3", "u1", "never"))
	census := NewCensus(log)
	defer census.Close()
	ask := func(want, read int) {
		t.Helper()
		g, err := census.Groups(t.Context(), Filter{}, patient)
		if err != nil || g.Letters != want || !g.Complete || g.Share != 1 {
			t.Errorf("%+v, %v, want %d letters", g, err, want)
		}
		if log.read != read {
			t.Errorf("%d letters were read, want %d", log.read, read)
		}
		log.read = 0
	}
	ask(3, 3)
	ask(3, 0)
	log.add(letter("4", "u3", "no"))
	ask(4, 1)
	if _, err := log.take(log.letters[0].letter.Position); err != nil {
		t.Fatal(err)
	}
	ask(3, 3)
	if _, err := log.take(log.letters[2].letter.Position); err != nil {
		t.Fatal(err)
	}
	log.add(letter("5", "u3", "no"))
	ask(3, 3)
}

func TestCensusShowsWhatItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{gate: make(chan struct{})}
		for range 10 {
			log.add(letter("m", "u", "no"))
		}
		census := NewCensus(log)
		defer census.Close()
		for range 3 {
			if g, err := census.Groups(t.Context(), Filter{}, time.Second); err != nil || g.Complete {
				t.Fatalf("%+v, %v", g, err)
			}
		}
		log.gate <- struct{}{}
		time.Sleep(2 * progressEvery) // of the bubble's clock
		log.gate <- struct{}{}
		synctest.Wait()
		g, err := census.Groups(t.Context(), Filter{}, 0)
		if err != nil || g.Complete || g.Letters != 2 || g.Share != 0.2 {
			t.Errorf("%+v, %v", g, err)
		}
		close(log.gate)
		if g, err := census.Groups(t.Context(), Filter{}, patient); err != nil || !g.Complete || g.Letters != 10 || log.scans != 1 {
			t.Errorf("%+v, %v after %d scans", g, err, log.scans)
		}
	})
}

func TestCensusIsBounded(t *testing.T) {
	log := &memory{}
	log.add(letter("1", "u1", "no"))
	census := NewCensus(log)
	defer census.Close()
	ask := func(user string) {
		t.Helper()
		f := Filter{}
		f.User = user
		if _, err := census.Groups(t.Context(), f, patient); err != nil {
			t.Error(err)
		}
	}
	for i := range 3 * maxCounts {
		ask(fmt.Sprint("u", i))
		ask("always")
	}
	if len(census.counts) != maxCounts || log.scans != 3*maxCounts+1 {
		t.Errorf("%d are remembered after %d scans", len(census.counts), log.scans)
	}
}

func TestCensusFailsAndRecovers(t *testing.T) {
	log := &memory{}
	log.add(letter("1", "u1", "no"))
	census := NewCensus(log)
	log.err = errors.New("no disk")
	if _, err := census.Groups(t.Context(), Filter{}, patient); !errors.Is(err, log.err) {
		t.Errorf("got %v", err)
	}
	log.err = nil
	if g, err := census.Groups(t.Context(), Filter{}, patient); err != nil || g.Letters != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	log.add(letter("2", "u1", "no"))
	if err := census.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := census.Groups(t.Context(), Filter{}, patient); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}
