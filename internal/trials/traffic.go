// Package trials is what a Tanker is put on trial with: users who send numbered events, a stand-in for Refiner that notes what
// arrives and can be made to misbehave, and the comparison of the two.
package trials

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tanker/internal/tankertest"
)

// senders is how many requests are under way at once, at most.
const senders = 32

// Traffic is what SDKs send: each user's events one after the other, numbered from 0. A request that is not answered
// 200 is sent again, as SDKs do, until it is.
type Traffic struct {
	// Answered are by user: events that were answered 200, which are the first ones.
	Answered []atomic.Int64
	// Total is the same of all users.
	Total atomic.Int64
	// Refused is how many requests were answered 5xx.
	Refused atomic.Int64

	urls    []string
	padding int // bytes that make each event larger
}

// NewTraffic makes traffic of so many users, each of whose requests goes to one of the gateways, and to the next one when it
// is not answered.
func NewTraffic(users, padding int, gateways ...string) *Traffic {
	return &Traffic{urls: gateways, padding: padding, Answered: make([]atomic.Int64, users)}
}

// Counts are how many events of each user were answered 200.
func (tr *Traffic) Counts() []int {
	counts := make([]int, len(tr.Answered))
	for u := range counts {
		counts[u] = int(tr.Answered[u].Load())
	}
	return counts
}

// User is the id of a user.
func User(n int) string { return fmt.Sprintf("user-%d", n) }

// Send sends the next events of every user. With perSecond it takes its time.
func (tr *Traffic) Send(ctx context.Context, each, perSecond int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pace := newPace(perSecond)
	defer pace.stop()
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			client := &http.Client{Timeout: tr.patience()}
			defer client.CloseIdleConnections()
			for sent := 0; sent < each; {
				n := min(1+sent%3, each-sent)
				for u := sender; u < len(tr.Answered); u += senders {
					pace.wait(ctx, n)
					if err := tr.deliver(ctx, client, u, n); err != nil {
						cancel(err)
						return
					}
				}
				sent += n
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// patience is how long to wait for an answer: longer where nobody else could be asked.
func (tr *Traffic) patience() time.Duration {
	if len(tr.urls) > 1 {
		return 2 * time.Second
	}
	return 20 * time.Second
}

// deliver sends a user's next n events in one request until it is answered.
func (tr *Traffic) deliver(ctx context.Context, client *http.Client, u, n int) error {
	path, body := tr.request(u, int(tr.Answered[u].Load()), n)
	attempt := rand.N(len(tr.urls))
	err := tankertest.Await(ctx, func() (bool, error) {
		url := tr.urls[attempt%len(tr.urls)]
		attempt++
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, bytes.NewReader(body))
		if err != nil {
			return false, err
		}
		req.SetBasicAuth(tankertest.WriteKey, "")
		resp, err := client.Do(req)
		if err != nil {
			return false, nil // it was killed, or stands still: send again
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		switch {
		case resp.StatusCode == http.StatusOK:
			return true, nil
		case resp.StatusCode < http.StatusInternalServerError:
			return false, fmt.Errorf("POST %s: %d %s", path, resp.StatusCode, answer)
		}
		tr.Refused.Add(1)
		return false, nil
	})
	if err != nil {
		return err
	}
	tr.Answered[u].Add(int64(n))
	tr.Total.Add(int64(n))
	return nil
}

// request is the request with n of a user's events: a batch, or the call of an SDK that sends them singly.
func (tr *Traffic) request(u, first, n int) (path string, body []byte) {
	if n == 1 && first%2 == 0 {
		kind, text := tr.event(u, first)
		return "/v1/" + kind, []byte(text)
	}
	events := make([]string, n)
	for i := range events {
		_, events[i] = tr.event(u, first+i)
	}
	return "/v1/batch", []byte(`{"batch":[` + strings.Join(events, ",") + `]}`)
}

// event is the i-th event of a user. What arrives of it says its number; see [numbers].
func (tr *Traffic) event(u, i int) (kind, text string) {
	switch i % 5 {
	case 2:
		kind, text = "identify", fmt.Sprintf(`"traits":{"n_%d":%d,"last":%d}`, i, i, i)
	case 3:
		kind, text = "group", fmt.Sprintf(`"groupId":"of-%s","traits":{"n_%d":%d}`, User(u), i, i)
	case 4:
		kind, text = "page", fmt.Sprintf(`"name":"e-%d"`, i)
	default:
		kind, text = "track", fmt.Sprintf(`"event":"e-%d"`, i)
	}
	text = fmt.Sprintf(`{"type":%q,"userId":%q,"messageId":"m-%d-%d",%s,"context":{"padding":%q}}`,
		kind, User(u), u, i, text, padding(tr.padding))
	return kind, text
}

// padding is text that cannot be compressed to less than half.
func padding(n int) string {
	b := make([]byte, n/2)
	_, _ = crand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// pace lets so many events a second pass.
type pace struct {
	ticker *time.Ticker // nil: all pass at once
}

func newPace(perSecond int) pace {
	if perSecond == 0 {
		return pace{}
	}
	return pace{ticker: time.NewTicker(time.Second / time.Duration(perSecond))}
}

func (p pace) wait(ctx context.Context, n int) {
	if p.ticker == nil {
		return
	}
	for range n {
		select {
		case <-p.ticker.C:
		case <-ctx.Done():
		}
	}
}

func (p pace) stop() {
	if p.ticker != nil {
		p.ticker.Stop()
	}
}
