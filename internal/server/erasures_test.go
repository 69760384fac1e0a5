package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"tanker/internal/admin"
	"tanker/internal/config"
	"tanker/internal/erasure"
	"tanker/internal/history"
	"tanker/internal/server"
	"tanker/refiner/refinertest"
)

// Texts that must not be found anywhere when ada is erased.
var adas = []string{"ada-4711", "ada@example.com", "ADA@example.com", "lovelace-trait", "ada-anonymous", "ada-secret"}

// TestErasure erases a user of whom there is something everywhere, and looks for it in every file.
func TestErasure(t *testing.T) {
	box, endpoint := sandbox(t)
	second := refinertest.NewServer(t, refinertest.Options{APIKeys: []string{apiKey}})
	c := testConfig(t, endpoint)
	c.Sources = []config.Source{source("web"), source("app")}
	c.Destinations = []config.Destination{destination("production", endpoint), destination("other", second.URL), destination("off", endpoint)}
	c.Destinations[0].SkipUnchanged = time.Hour
	c.Destinations[2].Enabled = false
	o := server.Options{ErasureGrace: time.Millisecond}
	r := startWith(t, c, o)
	fill(t, r, box)

	// What belongs together, and what does not.
	plan, err := r.admin.PlanErasure(t.Context(), erasure.Request{User: "ada@example.com"}, func(erasure.Progress) {})
	if err != nil || plan.Unclear != "" || plan.Events != 11 || plan.Letters != 1 || len(plan.Destinations) != 3 || len(plan.Destinations[0].Contacts) != 1 {
		t.Fatalf("the plan is %+v, %v", plan, err)
	}
	before := r.status(t, "production")
	others := r.trace(t, "bob")

	job, err := r.admin.StartErasure(t.Context(), erasure.Request{User: "ada@example.com"})
	if err != nil || job.User == "" {
		t.Fatalf("%+v, %v", job, err)
	}
	job = r.erased(t, job.ID)
	if job.State != erasure.Done || job.Events != 11 || job.Letters != 1 || job.User != "" || job.Names != nil || job.Checked.IsZero() {
		t.Errorf("the report is %+v", job)
	}
	for i, want := range []erasure.DestinationReport{{Done: true, Deleted: 1}, {Done: true, Deleted: 1}, {Skipped: "it is switched off"}} {
		if d := job.Destinations[i]; d.Done != want.Done || d.Deleted != want.Deleted || d.Skipped != want.Skipped {
			t.Errorf("%s: %+v", d.Destination, d)
		}
	}
	for _, s := range []*refinertest.Server{box, second} {
		if _, ok := s.Contact("ada-4711", ""); ok {
			t.Error("the contact is still there")
		}
		if _, ok := s.Contact("bob", ""); !ok {
			t.Error("bob's contact is gone")
		}
	}
	after := r.status(t, "production")
	if after.Accepted != before.Accepted || after.Pending != 0 || r.status(t, "off").Pending != r.status(t, "off").Accepted {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if now := r.trace(t, "bob"); now != others {
		t.Errorf("bob's events have changed:\n%s\nthey were\n%s", now, others)
	}
	if left := r.trace(t, "ada-4711"); left != "" {
		t.Errorf("left are\n%s", left)
	}

	// What comes later is dropped, until that is lifted.
	for _, body := range []string{`{"userId":"ada-4711"}`, `{"anonymousId":"x","context":{"traits":{"email":"Ada@Example.com"}}}`, `{"anonymousId":"ada-anonymous"}`} {
		if status := r.send(t, "wk-web", "track", body); status != 200 {
			t.Errorf("%s: %d", body, status)
		}
	}
	r.wantMetrics(t, `tanker_events_suppressed_total{source="web"} 3`)
	if now := r.status(t, "production"); now.Accepted != before.Accepted {
		t.Errorf("events of an erased user were accepted: %+v", now)
	}
	r.stop()
	refuseOnDisk(t, c.DataDir, adas...)

	r = startWith(t, c, o)
	if status := r.send(t, "wk-web", "track", `{"userId":"ada-4711","event":"again"}`); status != 200 || r.status(t, "production").Accepted != before.Accepted {
		t.Errorf("after a restart her events are accepted: %d", status)
	}
	list, err := r.admin.Erasures(t.Context(), "ada-4711")
	if err != nil || len(list) != 1 || list[0].ID != job.ID {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if job, err = r.admin.LiftErasure(t.Context(), job.ID); err != nil || job.State != erasure.Lifted {
		t.Errorf("%+v, %v", job, err)
	}
	r.send(t, "wk-web", "identify", `{"userId":"ada-4711"}`)
	eventually(t, "she is back", func() bool { _, ok := box.Contact("ada-4711", ""); return ok })
}

// fill leaves something of two users everywhere.
func fill(t *testing.T, r *running, box *refinertest.Server) {
	t.Helper()
	var batch []string
	for i := range 400 {
		batch = append(batch, fmt.Sprintf(`{"type":"track","userId":"user-%d","event":"e","anonymousId":"anonymous-%d"}`, i%50, i%50))
	}
	batch[200] = `{"type":"identify","userId":"ada-4711","anonymousId":"ada-anonymous","traits":{"email":"ada@example.com","x":"lovelace-trait"}}`
	batch[300] = `{"type":"track","userId":"ada-4711","event":"ada-secret","anonymousId":"anonymous-1"}`
	sends := [][3]string{
		{"web", "batch", `{"batch":[` + strings.Join(batch, ",") + `]}`},
		{"web", "page", `{"anonymousId":"ada-anonymous","name":"ada-secret"}`},
		{"app", "identify", `{"anonymousId":"z","traits":{"email":"ADA@example.com","x":"lovelace-trait"}}`},
		{"web", "track", `{"userId":"ada-4711","event":"e"}`},
		{"web", "identify", `{"userId":"bob","traits":{"email":"bob@example.com"}}`},
		{"web", "alias", `{"userId":"new","previousId":"ada-4711"}`},
		{"web", "track", `{"userId":"bob","event":"e"}`},
	}
	for _, s := range sends {
		if status := r.send(t, "wk-"+s[0], s[1], s[2]); status != 200 {
			t.Fatalf("%s: %d", s[2], status)
		}
	}
	eventually(t, "all is delivered", func() bool {
		return r.status(t, "production").Pending == 0 && r.status(t, "other").Pending == 0
	})
	if err := box.SetFaults(refinertest.Fault{Path: "/v1/track-event", Times: 1, Status: 422, Body: `{"message":"ada-secret is refused"}`}); err != nil {
		t.Fatal(err)
	}
	r.send(t, "wk-web", "track", `{"userId":"ada-4711","event":"ada-secret 2"}`)
	eventually(t, "a letter is dead", func() bool { return r.status(t, "production").Totals.Dead["refused_422"] == 1 })
	// More than the user's limit is parked, and a replay of hers is remembered.
	request := history.ReplayRequest{Destination: "production", Selection: history.Selection{User: "ada-4711", Since: time.Now().Add(-time.Hour)}}
	if _, err := r.admin.StartReplay(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the replay is done", func() bool {
		list, err := r.admin.Replays(t.Context())
		return err == nil && list[0].State == history.ReplayDone && r.status(t, "production").Pending == 0
	})
}

// trace lists a user's events.
func (r *running) trace(t *testing.T, user string) string {
	t.Helper()
	var text strings.Builder
	_, err := r.admin.Trace(t.Context(), history.TraceOptions{Selection: history.Selection{User: user}}, func(e history.Traced) error {
		fmt.Fprintf(&text, "%s %s %s %s\n", e.Position, e.MessageID, e.Event, e.Fates[0].Outcome)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// erased waits for the end of an erasure.
func (r *running) erased(t *testing.T, id int) (job erasure.Erasure) {
	t.Helper()
	eventually(t, "the erasure ends", func() bool {
		var err error
		if job, err = r.admin.Erasure(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return job.State != erasure.Running
	})
	return job
}

// refuseOnDisk fails if one of the texts is in a file, in what can be unfolded of it, or as the digest that subjects hold.
func refuseOnDisk(t *testing.T, dir string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		digest := sha256.Sum256([]byte(text))
		texts = append(texts, hex.EncodeToString(digest[:16]))
	}
	refuse := func(path, what string, data []byte) {
		for _, text := range texts {
			if at := bytes.Index(data, []byte(text)); at >= 0 {
				t.Errorf("%s, %s, holds %q: %q", strings.TrimPrefix(path, dir), what, text, data[max(at-40, 0):min(at+60, len(data))])
			}
		}
	}
	packs := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		refuse(path, "as it is", data)
		if strings.HasSuffix(path, ".blk") {
			for _, record := range records(t, data) {
				for _, unfolded := range unfold(record) {
					packs++
					refuse(path, "unfolded", unfolded)
				}
			}
		}
		return err
	})
	if err != nil || packs == 0 {
		t.Errorf("%v, %d packs", err, packs)
	}
}

// records are the messages in a file of JetStream's, deleted or not.
func records(t *testing.T, data []byte) [][]byte {
	t.Helper()
	const head, hash, hasHeader = 22, 8, 1 << 31
	var all [][]byte
	for len(data) > 0 {
		length := binary.LittleEndian.Uint32(data)
		end := int(length &^ hasHeader)
		if end < head+hash || end > len(data) {
			t.Fatalf("a record of %d bytes in %d", end, len(data))
		}
		body := data[head : end-hash]
		body = body[min(len(body), int(binary.LittleEndian.Uint16(data[20:]))):]
		if length&hasHeader != 0 && len(body) >= 4 {
			body = body[min(len(body), 4+int(binary.LittleEndian.Uint32(body))):]
		}
		all = append(all, body)
		data = data[end:]
	}
	return all
}

// unfold is what may be compressed in a message: wherever that begins.
func unfold(message []byte) [][]byte {
	var all [][]byte
	for at := range min(len(message), 512) {
		if n, err := s2.DecodedLen(message[at:]); err != nil || n == 0 || n > 1<<24 {
			continue
		}
		if data, err := s2.Decode(nil, message[at:]); err == nil {
			all = append(all, data)
		}
	}
	return all
}

// TestErasureWaits has a destination that is paused, and a user of whom it is not clear who that is.
func TestErasureWaits(t *testing.T) {
	box, endpoint := sandbox(t)
	c := testConfig(t, endpoint)
	r := startWith(t, c, server.Options{ErasureGrace: time.Millisecond})
	for _, body := range []string{
		`{"userId":"u1","traits":{"email":"shared@example.com"}}`, `{"userId":"u2","traits":{"email":"shared@example.com"}}`,
		`{"anonymousId":"a","traits":{"email":"shared@example.com"}}`, `{"userId":"u3"}`,
	} {
		r.send(t, "wk-web", "identify", body)
	}
	eventually(t, "all is delivered", func() bool { return r.status(t, "production").Pending == 0 })
	job, err := r.admin.StartErasure(t.Context(), erasure.Request{User: "shared@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if job = r.erased(t, job.ID); job.State != erasure.Failed || !strings.Contains(job.Reason, "2 user ids") || len(job.Suppressed) > 0 {
		t.Errorf("got %+v", job)
	}
	r.send(t, "wk-web", "identify", `{"anonymousId":"a","traits":{"email":"shared@example.com"}}`)
	if n := r.status(t, "production").Accepted; n != 5 {
		t.Errorf("%d were accepted: is the email suppressed?", n)
	}

	if err := r.admin.Pause(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
	r.send(t, "wk-web", "track", `{"userId":"u1","event":"e"}`)
	if job, err = r.admin.StartErasure(t.Context(), erasure.Request{User: "u1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool {
		job, err = r.admin.Erasure(t.Context(), job.ID)
		return err != nil || strings.Contains(job.Reason, "production: paused")
	})
	if job.Events != 2 || job.Names == nil || r.trace(t, "u1") != "" {
		t.Errorf("the log waits too: %+v", job)
	}
	if again, err := r.admin.StartErasure(t.Context(), erasure.Request{User: "u1"}); err == nil {
		t.Errorf("started twice: %+v", again)
	}
	if _, ok := box.Contact("u1", ""); !ok {
		t.Error("the contact of a paused destination was deleted")
	}
	if err := r.admin.Resume(t.Context(), "production"); err != nil {
		t.Fatal(err)
	}
	if job = r.erased(t, job.ID); job.State != erasure.Done || job.Destinations[0].Deleted != 1 {
		t.Errorf("got %+v", job)
	}
	eventually(t, "what waited is filtered", func() bool { return r.status(t, "production").Pending == 0 })
	if filtered := r.status(t, "production").Totals.Filtered; filtered["suppressed"]+filtered["erased"] != 1 {
		t.Errorf("filtered are %v", filtered)
	}
	if _, ok := box.Contact("u2", ""); !ok {
		t.Error("somebody else's contact is gone")
	}
	for _, bad := range []erasure.Request{{}, {User: " "}, {User: "u", Destination: "nowhere"}, {User: strings.Repeat("u", 2000)}} {
		_, err := r.admin.StartErasure(t.Context(), bad)
		if refused, ok := errors.AsType[*admin.RefusedError](err); !ok || refused.Status != http.StatusConflict && refused.Status != http.StatusNotFound {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
