package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A stream is copied with the server's own way to restore one from a backup, because that is the only one that keeps
// sequences, the gaps between them and the times. The server takes the backup in chunks, and gives up after five
// seconds without one.
const (
	restoreChunk  = 128 << 10
	restoreWindow = 16               // chunks that are not confirmed yet
	restoreAnswer = time.Minute      // for a chunk
	restoreEnd    = 10 * time.Minute // for the last one
	restoreIdle   = time.Second      // after which what there is is sent
	// restoreMost is how many messages a chunk holds at most: the server may sync each of them, on a slow disk.
	restoreMost = 128
)

// checkServer refuses a server that cannot restore what a copy is made of.
func (c *Copy) checkServer() error {
	const major, minor = 2, 15
	version := c.conn().ConnectedServerVersion()
	var has [2]int
	if _, err := fmt.Sscanf(version, "%d.%d", &has[0], &has[1]); err != nil {
		return fmt.Errorf("%s: version %q of NATS: %w", c.Place(), version, err)
	}
	if has[0] < major || has[0] == major && has[1] < minor {
		return fmt.Errorf("%s: NATS %s cannot restore messages with their sequences and times: a copy needs NATS %d.%d", c.Place(), version, major, minor)
	}
	return nil
}

// restore makes a stream of what write puts.
func restore(ctx context.Context, conn *nats.Conn, config jetstream.StreamConfig, stream StoredStream, write func(put func(*StoredMessage) error) error) error {
	r, err := beginRestore(ctx, conn, config, stream)
	if err != nil {
		return err
	}
	defer r.end()
	if err := r.begin(stream); err != nil {
		return err
	}
	if err := write(r.put); err != nil {
		return err
	}
	return r.finish()
}

// restoring is a stream on its way to the server.
type restoring struct {
	ctx     context.Context
	conn    *nats.Conn
	subject string // to which the chunks go
	answers *nats.Subscription
	asked   int // chunks that are not confirmed
	held    int // messages that are in no chunk yet, perhaps
	sent    time.Time
	ended   bool

	packed *s2.Writer
	out    *archive.Writer
}

func beginRestore(ctx context.Context, conn *nats.Conn, config jetstream.StreamConfig, stream StoredStream) (*restoring, error) {
	request, err := json.Marshal(map[string]any{"config": config, "state": restoreState(stream)})
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	msg, err := conn.RequestWithContext(waiting, fmt.Sprintf(server.JSApiStreamRestoreT, stream.Name), request)
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w: %w", stream.Name, ErrUnavailable, err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Subject string              `json:"deliver_subject"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return nil, fmt.Errorf("restore %s: %w", stream.Name, err)
	}
	if answer.Error != nil {
		return nil, writeError("restore "+stream.Name, answer.Error)
	}
	answers, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w: %w", stream.Name, ErrUnavailable, err)
	}
	r := &restoring{ctx: ctx, conn: conn, subject: answer.Subject, answers: answers, sent: time.Now()}
	r.packed = s2.NewWriter(r, s2.WriterConcurrency(1))
	r.out = archive.NewWriter(r.packed)
	return r, nil
}

func restoreState(stream StoredStream) server.StreamState {
	return server.StreamState{Msgs: stream.Messages, Bytes: stream.Bytes, FirstSeq: stream.First, LastSeq: stream.Last}
}

func (r *restoring) begin(stream StoredStream) error {
	state, err := json.Marshal(restoreState(stream))
	if err != nil {
		return err
	}
	return r.entry(archive.Header{Name: "state.json", PayloadSize: int64(len(state))}, state)
}

func (r *restoring) put(m *StoredMessage) error {
	err := r.entry(archive.Header{
		Name: m.Subject, Sequence: m.Seq, Timestamp: m.Time.UnixNano(),
		HeaderSize: int64(len(m.Header)), PayloadSize: int64(len(m.Data)),
	}, m.Header, m.Data)
	r.held++
	if err == nil && (r.held == restoreMost || time.Since(r.sent) > restoreIdle) {
		r.held = 0
		err = r.packed.Flush()
	}
	return err
}

// finish ends the backup and waits until the server has all of it.
func (r *restoring) finish() error {
	if err := r.entry(archive.Header{}); err != nil { // says that nothing was cut off
		return err
	}
	if err := r.packed.Close(); err != nil {
		return err
	}
	for r.asked > 0 {
		if err := r.await(restoreAnswer); err != nil {
			return err
		}
	}
	r.ended = true
	if err := r.publish(nil); err != nil {
		return err
	}
	return r.await(restoreEnd)
}

// end ends a restore that was broken off: what has arrived does not end as a backup does, so the server refuses it.
func (r *restoring) end() {
	if !r.ended {
		_ = r.publish(nil) // otherwise the server notices by itself
	}
	_ = r.answers.Unsubscribe() // fails only when the connection is gone, and the subscription with it
}

func (r *restoring) entry(header archive.Header, parts ...[]byte) error {
	if err := r.out.WriteHeader(&header); err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := r.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Write sends a part of the backup.
func (r *restoring) Write(data []byte) (int, error) {
	n := 0
	for n < len(data) {
		if r.asked == restoreWindow {
			if err := r.await(restoreAnswer); err != nil {
				return n, err
			}
		}
		chunk := data[n:min(n+restoreChunk, len(data))]
		if err := r.publish(chunk); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

func (r *restoring) publish(chunk []byte) error {
	if err := r.conn.PublishRequest(r.subject, r.answers.Subject, chunk); err != nil {
		return fmt.Errorf("restore: %w: %w", ErrUnavailable, err)
	}
	r.asked++
	r.sent = time.Now()
	if waiting, _, err := r.answers.Pending(); err == nil && waiting > 0 && len(chunk) > 0 { // so that a refusal is noticed early
		return r.await(restoreAnswer)
	}
	return nil
}

// await waits until the server has confirmed a chunk.
func (r *restoring) await(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	msg, err := r.answers.NextMsgWithContext(ctx)
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("restore: %w: the server has given up: nothing had come for five seconds, or somebody has deleted the stream", ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("restore: %w: %w", ErrUnavailable, err)
	}
	r.asked--
	if len(msg.Data) == 0 {
		return nil
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if answer.Error != nil {
		return writeError("restore", answer.Error)
	}
	return nil
}

var _ io.Writer = (*restoring)(nil)

// unlimited is a stream's configuration without the limits that would delete messages while the stream is restored, or
// before it was compared.
func unlimited(config jetstream.StreamConfig) jetstream.StreamConfig {
	config.MaxBytes, config.MaxMsgs, config.MaxAge = -1, -1, 0
	return config
}

// deleteStream deletes a stream; that it is not there is no error.
func deleteStream(ctx context.Context, js jetstream.JetStream, name string) error {
	err := js.DeleteStream(ctx, name)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete %s: %w: %w", name, ErrUnavailable, err)
	}
	return nil
}
