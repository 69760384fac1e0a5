package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"tanker/internal/admin"
)

// step is one part of the story: a request as an SDK makes it, and what must come of it.
type step struct {
	title string
	code  string // what the app's developer writes
	path  string // of the request
	body  string
	gzip  bool
	want  []string // the calls to Refiner, each "path body"; none if the event is not for Refiner
	other string   // what becomes of the event instead
	why   string   // in words
}

// alex is what the SDK in a browser adds to each event once it knows the user.
const alex = `"userId":"1hKOmRA4GRlm","context":{"traits":{"name":"Alex Keener","email":"alex@example.com"}}`

// story is what a few users of an app do.
func story() []step {
	return []step{
		{
			title: "Alex signs up",
			code:  `identify("1hKOmRA4GRlm", { name: "Alex Keener", email: "alex@example.com" })`,
			path:  "/v1/identify", body: `{` + alex + `}`,
			want: []string{`/v1/identify-user {"id":"1hKOmRA4GRlm","email":"alex@example.com","name":"Alex Keener"}`},
		}, {
			title: "looks at the cart",
			code:  `page("Cart", "Cart Viewed", { path: "/cart", referrer: "samplewebsite.com", search: "some item", title: "New Item", url: "http://samplewebsite.in" })`,
			path:  "/v1/page", body: `{` + alex + `,"category":"Cart","name":"Cart Viewed","properties":{"path":"/cart","referrer":"samplewebsite.com","search":"some item","title":"New Item","url":"http://samplewebsite.in"}}`,
			want: []string{`/v1/track-event {"id":"1hKOmRA4GRlm","email":"alex@example.com","event":"Viewed Cart Cart Viewed Page"}`},
		}, {
			title: "buys (Refiner stores no properties of events)",
			code:  `track("Order Completed", { orderId: "ORD122", price: "5.67", currency: "USD" })`,
			path:  "/v1/track", body: `{` + alex + `,"event":"Order Completed","properties":{"orderId":"ORD122","price":"5.67","currency":"USD"}}`,
			want: []string{`/v1/track-event {"id":"1hKOmRA4GRlm","email":"alex@example.com","event":"Order Completed"}`},
		}, {
			title: "joins a company",
			code:  `group("group@123", { name: "Sample Company", employees: 1000, industry: "Software" })`,
			path:  "/v1/group", body: `{` + alex + `,"groupId":"group@123","traits":{"name":"Sample Company","employees":1000,"industry":"Software"}}`,
			want: []string{`/v1/identify-user {"id":"1hKOmRA4GRlm","email":"alex@example.com","account":{"id":"group@123","name":"Sample Company","employees":1000,"industry":"Software"}}`},
		}, {
			title: "a server sends what Maria and Ben did: one batch, compressed",
			code:  `identify maria@example.com, track "Trial Started", track "Survey Opened"; identify and track "Logged In" of ben`,
			path:  "/v1/batch", gzip: true,
			body: `{"batch":[
				{"type":"identify","anonymousId":"a-71","traits":{"email":"maria@example.com","age":34,"beta":true,"tags":["early","pro"],"address":{"city":"Lisbon"}}},
				{"type":"track","anonymousId":"a-71","context":{"traits":{"email":"maria@example.com"}},"event":"Trial Started"},
				{"type":"identify","userId":"ben","traits":{"accountNumber":12345678901234567890,"score":1.0}},
				{"type":"track","userId":"ben","event":"Logged In"},
				{"type":"track","anonymousId":"a-71","context":{"traits":{"email":"maria@example.com"}},"event":"Survey Opened"}]}`,
			want: []string{
				`/v1/identify-user {"email":"maria@example.com","age":34,"beta":true,"tags":["early","pro"],"address":{"city":"Lisbon"}}`,
				`/v1/track-event {"email":"maria@example.com","event":"Trial Started"}`,
				`/v1/track-event {"email":"maria@example.com","event":"Survey Opened"}`,
				`/v1/identify-user {"id":"ben","accountNumber":12345678901234567890,"score":1.0}`,
				`/v1/track-event {"id":"ben","event":"Logged In"}`,
			},
		}, {
			title: "somebody whom Refiner could not know",
			code:  `track("Pricing Viewed")`,
			path:  "/v1/track", body: `{"anonymousId":"a-99","event":"Pricing Viewed"}`,
			other: "rejected: 1 no_identity", why: "neither a user id nor an email",
		}, {
			title: "a call that Refiner has no use for",
			code:  `screen("Home")`,
			path:  "/v1/screen", body: `{"userId":"ben","name":"Home"}`,
			other: "filtered: 1 unsupported_type", why: "only identify, track, page and group are",
		},
	}
}

// tell sends the story and shows what comes of it. The error says what did not arrive.
func (d *demo) tell(ctx context.Context) error {
	fmt.Fprintf(d.out, "Tanker runs in this process, with a stand-in for Refiner behind it.\n\n")
	fmt.Fprintf(d.out, "  SDKs send to   %s   (write key %s)\n", d.at.Gateway, demoWriteKey)
	fmt.Fprintf(d.out, "  operators ask  %s\n", d.at.Admin)
	fmt.Fprintf(d.out, "  Refiner is     %s\n", d.refiner)
	missing := 0
	for i, s := range story() {
		fmt.Fprintf(d.out, "\n%d. %s\n", i+1, s.title)
		fmt.Fprint(d.out, "   sent      ")
		printWrapped(d.out, "             ", s.code)
		missed, err := d.play(ctx, s)
		if err != nil {
			return err
		}
		missing += missed
	}
	status, err := d.status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nTotals: accepted = delivered + filtered + rejected + dead + pending\n\n")
	printTotals(d.out, []admin.DestinationStatus{status}, time.Now())
	if missing > 0 || status.Pending > 0 {
		return fmt.Errorf("demo: %s of the story did not arrive as they should", plural(missing+int(status.Pending), "event"))
	}
	fmt.Fprintln(d.out, "\nEverything arrived.")
	return nil
}

// play sends one step, waits for what becomes of it, and shows that. It returns how many of the calls that the
// step should have made are missing.
func (d *demo) play(ctx context.Context, s step) (missing int, err error) {
	before, err := d.status(ctx)
	if err != nil {
		return 0, err
	}
	if err := d.send(ctx, s); err != nil {
		return 0, err
	}
	after, err := d.settled(ctx)
	if err != nil {
		return 0, err
	}
	wanted := make(map[string]int)
	for _, call := range s.want {
		wanted[call]++
	}
	for _, call := range d.unseen() {
		fmt.Fprint(d.out, "   Refiner   ")
		printWrapped(d.out, "             ", call.Method+" "+call.Path+" "+string(call.Body))
		wanted[call.Path+" "+string(call.Body)]--
	}
	for call, n := range wanted {
		if n != 0 {
			fmt.Fprintf(d.out, "   MISSING   %s\n", call)
			missing++
		}
	}
	if other := outcomes(before, after); other != s.other {
		fmt.Fprintf(d.out, "   outcome   %s, expected %s\n", cmp.Or(other, "none"), cmp.Or(s.other, "none"))
		missing++
	} else if other != "" {
		fmt.Fprintf(d.out, "   outcome   %s (%s)\n", other, s.why)
	}
	return missing, nil
}

// outcomes is what came of events, beside deliveries, between two moments.
func outcomes(before, after admin.DestinationStatus) string {
	var parts []string
	for _, kind := range []struct {
		name      string
		was, more map[string]uint64
	}{
		{"filtered", before.Totals.Filtered, after.Totals.Filtered},
		{"rejected", before.Totals.Rejected, after.Totals.Rejected},
		{"dead", before.Totals.Dead, after.Totals.Dead},
	} {
		fresh := make(map[string]uint64)
		for reason, n := range kind.more {
			fresh[reason] = n - kind.was[reason]
		}
		if text := reasons(fresh); text != "" {
			parts = append(parts, kind.name+": "+text)
		}
	}
	return strings.Join(parts, "; ")
}

// status asks the server how the destination stands.
func (d *demo) status(ctx context.Context) (admin.DestinationStatus, error) {
	s, err := d.admin.Status(ctx)
	if err != nil {
		return admin.DestinationStatus{}, err
	}
	return s.Destinations[0], nil
}

// settled waits until nothing is pending.
func (d *demo) settled(ctx context.Context) (admin.DestinationStatus, error) {
	deadline := time.After(demoPatience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := d.status(ctx)
		if err != nil || s.Pending == 0 {
			return s, err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return s, fmt.Errorf("demo: %s did not arrive within %s: %s %s", plural(int(s.Pending), "event"), span(demoPatience), s.State, s.Reason)
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
}

// send makes a request as an SDK does.
func (d *demo) send(ctx context.Context, s step) error {
	var body io.Reader = strings.NewReader(s.body)
	if s.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		io.WriteString(w, s.body)
		if err := w.Close(); err != nil {
			return err
		}
		body = &packed
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.at.Gateway+s.path, body)
	if err != nil {
		return err
	}
	req.SetBasicAuth(demoWriteKey, "")
	req.Header.Set("Content-Type", "application/json")
	if s.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("demo: %s answered %d %s", s.path, resp.StatusCode, answer), err)
	}
	return nil
}

// lineWidth is where long lines are broken.
const lineWidth = 110

// printWrapped prints a text, broken behind commas where it is long; indent stands before all lines but the
// first.
func printWrapped(w io.Writer, indent, text string) {
	text = plain(text)
	for len(indent)+len(text) > lineWidth {
		head := text[:lineWidth-len(indent)]
		cut := strings.LastIndex(head, ",")
		if cut <= 0 {
			cut = strings.LastIndex(head, " ")
		}
		if cut <= 0 {
			break
		}
		fmt.Fprintf(w, "%s\n%s", strings.TrimRight(text[:cut+1], " "), indent)
		text = strings.TrimLeft(text[cut+1:], " ")
	}
	fmt.Fprintln(w, text)
}
