package restart

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/erasure"
	"tanker/internal/history"
	"tanker/internal/tankertest"
	"tanker/refiner/refinertest"
)

// TestKillWhileErasing kills a Tanker again and again while it erases a user of whom there is something in nearly every
// pack. In the end the erasure is done, and nothing else has changed.
func TestKillWhileErasing(t *testing.T) {
	p, sandbox := start(t, refinertest.Options{}, "    limits: {key_per_minute: 0, user_per_minute: 0}\n")
	const rounds = 30
	for n := range rounds {
		send(t, p, 30, 10) // a pack each
		post(t, p, fmt.Sprintf(`{"batch":[{"type":"track","userId":"gone","event":"hush-%d"},{"type":"track","userId":"user-1","event":"x%d"}]}`, n, n))
	}
	await(t, p, func(d admin.DestinationStatus) bool { return d.Pending == 0 })
	before, events := destination(t, p), traced(t, p, "user-1")
	job, err := client(p).StartErasure(t.Context(), erasure.Request{User: "gone"})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // the kill comes at any moment
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = tankertest.Await(ctx, func() (bool, error) {
		now, err := client(p).Erasure(ctx, job.ID)
		if err == nil {
			job = now
		}
		return err == nil && job.State != erasure.Running, nil
	})
	if err != nil || job.State != erasure.Done || job.Searched != rounds*32 {
		t.Fatalf("%+v, %v", job, err)
	}
	if _, there := sandbox.Contact("gone", ""); there {
		t.Error("the contact is still there")
	}
	if left := traced(t, p, "gone"); left != "" {
		t.Errorf("left are\n%s", left)
	}
	if now := traced(t, p, "user-1"); now != events {
		t.Errorf("somebody else's events have changed:\n%s\nthey were\n%s", now, events)
	}
	if after := destination(t, p); after.Accepted != before.Accepted || after.Totals.Sum() != before.Totals.Sum() || after.Pending != 0 {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	refuseOnDisk(t, p.DataDir(), "hush-")
}

func client(p *tankertest.Process) *admin.Client {
	return admin.NewClient(p.Admin, config.NewSecret(tankertest.AdminToken))
}

// refuseOnDisk fails if a text is in a file.
func refuseOnDisk(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if n := bytes.Count(data, []byte(text)); n > 0 {
			t.Errorf("%s holds %q %d times", strings.TrimPrefix(path, dir), text, n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func destination(t *testing.T, p *tankertest.Process) admin.DestinationStatus {
	t.Helper()
	d, err := p.Destination(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// traced lists a user's events.
func traced(t *testing.T, p *tankertest.Process, user string) string {
	t.Helper()
	var text strings.Builder
	_, err := client(p).Trace(t.Context(), history.TraceOptions{Selection: history.Selection{User: user}}, func(e history.Traced) error {
		fmt.Fprintf(&text, "%s %s %s\n", e.Position, e.MessageID, e.Event)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}
