package backfill_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tanker/internal/backfill"
	"tanker/mapping"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func readAll(t *testing.T, rows backfill.Reader) (events, problems []string) {
	t.Helper()
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return events, problems
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range row.Events {
			if !json.Valid(e) {
				t.Errorf("row %d: not JSON: %s", row.Number, e)
			}
			events = append(events, string(e))
		}
		if row.Problem != "" {
			problems = append(problems, fmt.Sprintf("line %d: %s", row.Line, row.Problem))
		}
	}
}

func TestTable(t *testing.T) {
	for _, tc := range []struct {
		name, table    string
		rules          []string
		want, problems []string
	}{
		{
			name: "usual names", table: "user_id,email,plan\nu1,a@x.test,pro\nu2,,\n",
			want: []string{`{"type":"identify","userId":"u1","traits":{"email":"a@x.test","plan":"pro"}}`, `{"type":"identify","userId":"u2","traits":{}}`},
		},
		{
			name: "a user known by email", table: "\ufeffemail\r\na@x.test\r\n",
			want: []string{`{"type":"identify","anonymousId":"import","traits":{"email":"a@x.test"}}`},
		},
		{
			name: "accounts", table: "id,group_id,account.name,account.seats:number\nu1,g1,Acme,12\nu2,,,\n",
			want: []string{
				`{"type":"identify","userId":"u1","traits":{}}`, `{"type":"group","userId":"u1","groupId":"g1","traits":{"name":"Acme","seats":12}}`,
				`{"type":"identify","userId":"u2","traits":{}}`,
			},
		},
		{
			name: "rules", table: "ref,Plan Name,seats,notes,tags,active\nu1,\"pro, \"\"yearly\"\"\",12345678901234567890,secret,\"[1,\"\"b\"\"]\",TRUE\n",
			rules: []string{"ref=userId", "Plan Name=plan", "seats=seats:number", "notes=", "tags=tags:json", "active=active:bool"},
			want:  []string{`{"type":"identify","userId":"u1","traits":{"plan":"pro, \"yearly\"","seats":12345678901234567890,"tags":[1,"b"],"active":true}}`},
		},
		{
			name: "rows that cannot be used", table: "userId,email,group,n:number,b:bool\nu1,,,x,\n,,,1,\nu1\nu2,,,,maybe\nu3,\xff,,,\n,a@x.test,g1,,\nu4,,,1,true\n",
			rules: []string{"group=groupId"},
			want:  []string{`{"type":"identify","userId":"u4","traits":{"n":1,"b":true}}`},
			problems: []string{
				`line 2: n: "x" is no number`, "line 3: neither a user id nor an email", "line 4: 1 fields, the header names 5",
				`line 5: b: "maybe" is neither true nor false`, "line 6: not UTF-8: save the table in that encoding", "line 7: an account needs both a user id and a group id",
			},
		},
		{
			name: "quotes that go wrong", table: "userId\na\"b\nu2\n", want: []string{`{"type":"identify","userId":"u2","traits":{}}`},
			problems: []string{`line 2: bare " in non-quoted-field`},
		},
		{
			name: "odd characters", table: "userId,\"a\"\"b\"\n\"u\n1\",\"\\\t\x01é\"\n",
			want: []string{`{"type":"identify","userId":"u\u000a1","traits":{"a\"b":"\\\u0009\u0001é"}}`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, err := backfill.NewCSV(strings.NewReader(tc.table), tc.rules)
			if err != nil {
				t.Fatal(err)
			}
			events, problems := readAll(t, table)
			if diff := cmp.Diff(tc.want, events); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.problems, problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHeaderProblems(t *testing.T) {
	for _, tc := range []struct {
		table string
		rules []string
		want  string
	}{
		{"", nil, "the file is empty"},
		{"name,plan\n", nil, "no column says who a row is about"},
		{"userId,id\n", nil, `columns "userId" and "id" both go to userId`},
		{"userId,a\n", []string{"b=c"}, `there is no column "b"; there are: userId, a`},
		{"userId,a\n", []string{"a"}, "want COLUMN=TRAIT"},
		{"userId,a\n", []string{"a=b", "a=c"}, "mapped twice"},
		{"userId,a\n", []string{"a=b:date"}, `"date" is no kind of value`},
		{"userId,a,b\n", []string{"a=b"}, `columns "a" and "b" both go to b`},
	} {
		_, err := backfill.NewCSV(strings.NewReader(tc.table), tc.rules)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q %q: got %v, want %q", tc.table, tc.rules, err, tc.want)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add("userId,email,n:number,account.x,groupId\nu1,a@b,1,y,g\n\"a\"\"\",,,,\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := backfill.NewCSV(strings.NewReader(text), nil)
		if err != nil {
			return
		}
		readAll(t, table)
	})
}

func checker(t *testing.T) *backfill.Checker {
	t.Helper()
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return &backfill.Checker{Mapper: m, Job: "job"}
}

const someEvents = `{"type":"identify","userId":"u1","traits":{"n":1.0}}

{"type":"track","userId":"u1","event":"x","messageId":"m1"}
{"type":"track","anonymousId":"a1","event":"x"}
nonsense
{"type":"page","userId":"u2"}
`

func TestCheck(t *testing.T) {
	r, err := checker(t).Check(t.Context(), backfill.NewEvents(strings.NewReader(someEvents)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Rows != 5 || r.Refused != 2 || r.Events != 3 || r.Total() != 3 || len(r.Problems) != 2 || len(r.Samples) != 3 {
		t.Errorf("got %+v", r)
	}
	if diff := cmp.Diff(map[string]int{"/v1/identify-user": 1, "/v1/track-event": 2}, r.Calls); diff != "" {
		t.Error(diff)
	}
	if want := (backfill.Sample{Row: 1, Path: "/v1/identify-user", Body: `{"id":"u1","n":1.0}`}); r.Samples[0] != want {
		t.Errorf("got %+v, want %+v", r.Samples[0], want)
	}
}

// gateway takes batches and drops events that it has by their message id, as the real one does.
type gateway struct {
	mu     sync.Mutex
	ids    map[string]bool
	events []string
	fail   func(request int) int // status of an answer other than 200, or 0; after the batch is stored if it is negative
	n      int
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	status := 0
	if g.fail != nil {
		status = g.fail(g.n)
	}
	if status > 0 {
		http.Error(w, "service unavailable", status)
		return
	}
	var body struct{ Batch []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, raw := range body.Batch {
		var e struct{ MessageID string }
		if err := json.Unmarshal(raw, &e); err != nil || e.MessageID == "" {
			http.Error(w, "no message id", http.StatusBadRequest)
			return
		}
		if !g.ids[e.MessageID] {
			g.ids[e.MessageID] = true
			g.events = append(g.events, string(raw))
		}
	}
	if status < 0 {
		panic(http.ErrAbortHandler) // stored, but the answer is lost
	}
	fmt.Fprint(w, "ok")
}

func sender(t *testing.T, g *gateway, statePath string) *backfill.Sender {
	t.Helper()
	g.ids = map[string]bool{}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return &backfill.Sender{
		Gateway: server.URL, WriteKey: "k", Client: server.Client(), Checker: checker(t), StatePath: statePath,
		Refuse:   func(backfill.Row, string) (int64, error) { return 0, nil },
		Progress: func(backfill.State) {}, Waiting: func(string, time.Duration) {},
	}
}

func TestSend(t *testing.T) {
	g := &gateway{}
	s := sender(t, g, filepath.Join(t.TempDir(), "state"))
	state, err := s.Send(t.Context(), backfill.NewEvents(strings.NewReader(someEvents)), backfill.State{Job: "job"})
	if err != nil {
		t.Fatal(err)
	}
	if state.Rows != 5 || state.Sent != 3 || state.Refused != 2 || !state.Done {
		t.Errorf("got %+v", state)
	}
	want := []string{
		`{"messageId":"import-job-1-0","type":"identify","userId":"u1","traits":{"n":1.0}}`,
		`{"type":"track","userId":"u1","event":"x","messageId":"m1"}`,
		`{"messageId":"import-job-5-0","type":"page","userId":"u2"}`,
	}
	if diff := cmp.Diff(want, g.events); diff != "" {
		t.Error(diff)
	}
}

// manyRows is a table with n users.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("userId,plan\n")
	for i := range n {
		fmt.Fprintf(&b, "u%d,pro\n", i)
	}
	return b.String()
}

// TestInterrupted stops an import in the middle of things, again and again, and lets it go on from what was saved.
func TestInterrupted(t *testing.T) {
	const n = 5000
	path := filepath.Join(t.TempDir(), "state")
	g := &gateway{}
	s := sender(t, g, path)
	for round := 0; ; round++ {
		if round > 30 {
			t.Fatal("it does not come to an end")
		}
		state, err := backfill.LoadState(path, "input", "job")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stopAt := g.n + 1 + round%3
		g.fail = func(request int) int {
			if request < stopAt {
				return 0
			}
			cancel()              // as if the process was killed now
			return -(request % 2) // stored or not
		}
		table, err := backfill.NewCSV(strings.NewReader(manyRows(n)), nil)
		if err != nil {
			t.Fatal(err)
		}
		state, err = s.Send(ctx, table, state)
		cancel()
		if err == nil {
			if !state.Done {
				t.Errorf("it ended with %+v", state)
			}
			break
		}
	}
	if len(g.events) != n {
		t.Fatalf("%d events arrived, want %d", len(g.events), n)
	}
	for i, e := range g.events {
		if !strings.Contains(e, fmt.Sprintf(`"userId":"u%d"`, i)) {
			t.Fatalf("event %d is %s", i, e)
		}
	}
	if _, err := backfill.LoadState(path, "other", "job"); !errors.Is(err, backfill.ErrOtherInput) {
		t.Errorf("another input: %v", err)
	}
}

func TestGatewayThatRefuses(t *testing.T) {
	g := &gateway{fail: func(int) int { return http.StatusUnauthorized }}
	s := sender(t, g, "")
	_, err := s.Send(t.Context(), backfill.NewEvents(strings.NewReader(someEvents)), backfill.State{})
	if !errors.Is(err, backfill.ErrRefused) || g.n != 1 {
		t.Errorf("after %d requests: %v", g.n, err)
	}
}

func TestGatewayThatIsBusy(t *testing.T) {
	g := &gateway{fail: func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable
		}
		return 0
	}}
	s := sender(t, g, "")
	waited := 0
	s.Waiting = func(reason string, _ time.Duration) {
		waited++
		if !strings.Contains(reason, "503") {
			t.Errorf("waits because of %q", reason)
		}
	}
	if _, err := s.Send(t.Context(), backfill.NewEvents(strings.NewReader(someEvents)), backfill.State{}); err != nil || waited != 1 {
		t.Errorf("waited %d times: %v", waited, err)
	}
}

func TestRefusedRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "refused.csv")
	header := []string{"userId", "n"}
	r := backfill.NewRefused(path, header, 0)
	size, err := r.Add(backfill.Row{Line: 2, Raw: []string{"u1", "x,y"}}, "no number")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(backfill.Row{Line: 3, Raw: []string{"u2", "z"}}, "lost"); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = backfill.NewRefused(path, header, size) // the second row was not counted before the interruption
	if _, err := r.Add(backfill.Row{Line: 3, Raw: []string{"u2", "z"}}, "no number"); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "userId,n,reason,line\nu1,\"x,y\",no number,2\nu2,z,no number,3\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	const rows = 10_000
	text := manyRows(rows)
	m, err := mapping.New(mapping.Settings{})
	if err != nil {
		b.Fatal(err)
	}
	c := &backfill.Checker{Mapper: m, Job: "job"}
	b.ReportAllocs()
	for range b.N {
		table, err := backfill.NewCSV(strings.NewReader(text), nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Check(context.Background(), table); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
