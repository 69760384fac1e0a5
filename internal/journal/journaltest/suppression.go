package journaltest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// suppressed names stay suppressed until they are lifted.
func suppressed(t *testing.T, place Place) {
	j := place.Open(t, nil)
	s := j.Suppression()
	ada, bob := s.Name("id", "ada"), s.Name("id", "bob")
	if ada == bob || ada == s.Name("email", "ada") || ada != s.Name("id", "ada") || !s.Empty() || s.Has(ada) {
		t.Fatal("names are not told apart")
	}
	version := s.Version()
	if err := j.Suppress(t.Context(), "job1", ada, bob); err != nil {
		t.Fatal(err)
	}
	if !s.Has(ada) || !s.Has(bob) || s.Empty() || s.Version() == version {
		t.Error("they are not suppressed")
	}
	if err := j.Suppress(t.Context(), "job2", bob); err != nil {
		t.Fatal(err)
	}
	crashed := place.Crash(t)
	closeJournal(t, j)
	j = crashed.Open(t, nil)
	s = j.Suppression()
	if !s.Has(ada) || !s.Has(bob) || s.Name("id", "ada") != ada {
		t.Error("they are not suppressed after a restart")
	}
	for range 2 {
		if err := j.Lift(t.Context(), "job1", ada, bob); err != nil {
			t.Fatal(err)
		}
		if s.Has(ada) || !s.Has(bob) {
			t.Error("lifted is what the other job suppresses, or not what this one does")
		}
	}
	closeJournal(t, j)
	j = crashed.Open(t, nil)
	if s := j.Suppression(); s.Has(ada) || !s.Has(bob) {
		t.Error("what was lifted is not lifted after a restart")
	}
}

// erasureJobs are remembered, and the names that belong to them are dropped for good.
func erasureJobs(t *testing.T, place Place) {
	j := place.Open(t, nil)
	for job, names := range map[string][]string{"job1": {"hush-a", "hush-b"}, "job10": {"stay"}} {
		for i, name := range names {
			for range 2 {
				if err := j.AddErasureNames(t.Context(), job, i, []byte(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := j.SaveErasure(t.Context(), job, []byte("the record of "+job)); err != nil {
			t.Fatal(err)
		}
	}
	namesOf := func(job string) []string {
		t.Helper()
		parts, err := j.ErasureNames(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range parts {
			names = append(names, string(p))
		}
		return slices.Sorted(slices.Values(names))
	}
	if diff := cmp.Diff([]string{"hush-a", "hush-b"}, namesOf("job1")); diff != "" {
		t.Error(diff)
	}
	for range 2 {
		if err := j.DropErasureNames(t.Context(), "job1"); err != nil {
			t.Fatal(err)
		}
	}
	if names := append(namesOf("job1"), namesOf("job10")...); !slices.Equal(names, []string{"stay"}) {
		t.Errorf("the names are %q", names)
	}
	if dir, ok := place.(Directory); ok {
		refuseInFiles(t, string(dir), "hush")
	}
	closeJournal(t, j)
	j = place.Open(t, nil)
	saved, err := j.SavedErasures(t.Context())
	want := map[string][]byte{"job1": []byte("the record of job1"), "job10": []byte("the record of job10")}
	if diff := cmp.Diff(want, saved); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := j.DeleteErasure(t.Context(), "job1"); err != nil {
		t.Fatal(err)
	}
	if saved, err := j.SavedErasures(t.Context()); err != nil || len(saved) != 1 {
		t.Errorf("got %v, %v", saved, err)
	}
}
