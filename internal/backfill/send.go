package backfill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A batch is sent when it has this many events or bytes.
const (
	batchEvents = 500
	batchBytes  = 1 << 20
)

// Delays between tries while the gateway cannot take events.
const (
	firstDelay = 500 * time.Millisecond
	lastDelay  = 30 * time.Second
)

// Sender sends rows to a gateway.
type Sender struct {
	Gateway  string // URL
	WriteKey string // of the source that the events are to come from
	Client   *http.Client
	Checker  *Checker
	// StatePath is the file the state is kept in. "" keeps none: the import cannot go on after an interruption.
	StatePath string
	// Refuse is called with each row that cannot be used; it returns how many bytes of the file of refused rows are written.
	Refuse func(row Row, problem string) (int64, error)
	// Progress is called after each batch.
	Progress func(State)
	// Waiting is called when the gateway cannot take events at the moment, before each further try.
	Waiting func(reason string, wait time.Duration)
}

// ErrRefused says that the gateway will not take the events, whatever is tried.
var ErrRefused = errors.New("the gateway refuses the events")

// Send sends the rows that come after those the state counts. When it returns without an error all rows are sent or
// refused. After an error, an interruption or a crash it goes on with the state that was saved: the batch that was under
// way is sent again, with the same message ids, which the gateway drops if it has stored it in the last minutes.
func (s *Sender) Send(ctx context.Context, rows Reader, state State) (State, error) {
	if err := skip(rows, state.Rows); err != nil {
		return state, err
	}
	var batch [][]byte
	next, size := state, 0 // next is the state once the batch is stored
	flush := func() error {
		if err := s.post(ctx, batch); err != nil {
			return err
		}
		state = next
		batch, size = batch[:0], 0
		if err := state.save(s.StatePath); err != nil {
			return err
		}
		s.Progress(state)
		return nil
	}
	for ctx.Err() == nil {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			next.Done = true
			err := flush()
			return state, err
		}
		if err != nil {
			return state, err
		}
		next.Rows++
		events, _, problem := s.Checker.judge(row)
		if problem != "" {
			next.Refused++
			if next.Written, err = s.Refuse(row, problem); err != nil {
				return state, err
			}
		}
		for _, e := range events {
			batch = append(batch, bytes.Clone(e))
			size += len(e)
		}
		next.Sent += len(events)
		if len(batch) >= batchEvents || size >= batchBytes || next.Rows-state.Rows >= 20*batchEvents {
			if err := flush(); err != nil {
				return state, err
			}
		}
	}
	return state, ctx.Err()
}

// post sends a batch, again and again while the gateway cannot take it.
func (s *Sender) post(ctx context.Context, batch [][]byte) error {
	if len(batch) == 0 {
		return nil
	}
	body := batchBody(batch)
	for delay := firstDelay; ; delay = min(2*delay, lastDelay) {
		again, err := s.try(ctx, body)
		if err == nil || !again {
			return err
		}
		s.Waiting(err.Error(), delay)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
}

func batchBody(batch [][]byte) []byte {
	body := append([]byte(`{"batch":[`), bytes.Join(batch, []byte(","))...)
	return append(body, "]}"...)
}

// try sends a batch once and says whether it may be tried again.
func (s *Sender) try(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(s.Gateway, "/")+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return false, fmt.Errorf("send: %w", err)
	}
	req.SetBasicAuth(s.WriteKey, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Client.Do(req)
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("send: %w", err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10)) // the status says enough
	text := strings.TrimSpace(string(answer))
	switch {
	case resp.StatusCode == http.StatusOK:
		return false, nil
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return true, fmt.Errorf("the gateway answers %d %s", resp.StatusCode, text)
	}
	return false, fmt.Errorf("%w: it answers %d %s", ErrRefused, resp.StatusCode, text)
}
