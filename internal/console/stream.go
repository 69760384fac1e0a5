package console

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// maxStreams is how many streams may be open at the same time: of everyone, and of one session.
	maxStreams        = 64
	maxSessionStreams = 12
	// heartbeat is how often a stream says that it is alive, and is looked at whether it may go on.
	heartbeat = 15 * time.Second
	// sendTimeout bounds how long a browser may take to read what it was sent.
	sendTimeout = 20 * time.Second
)

// streams counts the streams that are open.
type streams struct {
	mu        sync.Mutex
	all       int
	bySession map[*session]int
}

func newStreams() *streams { return &streams{bySession: map[*session]int{}} }

func (s *streams) open(of *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.bySession[of] >= maxSessionStreams {
		return false
	}
	s.all++
	s.bySession[of]++
	return true
}

func (s *streams) close(of *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.bySession[of]--; s.bySession[of] == 0 {
		delete(s.bySession, of)
	}
}

// isStream reports whether a request is the browser's for a stream.
func isStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// Stream sends server-sent events to a page. It belongs to one goroutine.
type Stream struct {
	visit   *visit
	control *http.ResponseController
	ctx     context.Context
	stop    context.CancelFunc
	beat    *time.Ticker
}

var errTooManyStreams = problem{http.StatusServiceUnavailable, "too many pages are open that update themselves", "close some of them"}

// stream answers with a stream until serve returns.
func (v *visit) stream(serve func(*visit, *Stream) error) error {
	if site := v.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return errForeign
	}
	if !v.console.streams.open(v.session) {
		return errTooManyStreams
	}
	defer v.console.streams.close(v.session)
	s := &Stream{visit: v, control: http.NewResponseController(v.w), beat: time.NewTicker(heartbeat)}
	defer s.beat.Stop()
	s.ctx, s.stop = context.WithCancel(v.Context())
	defer s.stop()
	_ = s.control.SetReadDeadline(time.Time{}) // it would end the request while it is answered
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("X-Accel-Buffering", "no") // a proxy in front must not collect
	v.w.WriteHeader(http.StatusOK)
	if s.write([]byte(": hello\n\n")) != nil {
		return nil
	}
	// What serve returns is for the log alone: the answer has begun.
	if err := serve(v, s); err != nil && s.ctx.Err() == nil {
		v.console.log.WarnContext(v.Context(), "a stream of the console failed", "path", v.URL.Path, "error", err)
	}
	return nil
}

// Context ends when the browser has gone, or does not read what it is sent.
func (s *Stream) Context() context.Context { return s.ctx }

// Wait waits until next is ready, and keeps the stream alive meanwhile. It returns false when the stream is over: the
// browser has gone, the session has ended or the server stops.
func (s *Stream) Wait(next <-chan time.Time) bool {
	_, ready := await(s, next)
	return ready
}

// await waits for a value as Stream.Wait does. It returns false also when the channel is closed.
func await[T any](s *Stream, next <-chan T) (value T, ready bool) {
	for {
		select {
		case <-s.ctx.Done():
			return value, false
		case <-s.visit.console.closing:
			return value, false
		case <-s.visit.session.ended:
			s.over()
			return value, false
		case <-s.beat.C:
			if !s.lasts() || s.write([]byte(": alive\n\n")) != nil {
				return value, false
			}
		case value, ready = <-next:
			return value, ready && s.lasts()
		}
	}
}

// lasts reports whether the session is still alive; if it is not, the page hears of it.
func (s *Stream) lasts() bool {
	alive := s.visit.console.sessions.still(s.visit.session)
	if !alive {
		s.over()
	}
	return alive
}

// over has the page ask for a login.
func (s *Stream) over() { _ = s.write([]byte("event: over\ndata: \n\n")) }

// Send sends an event. The error says that the browser has gone.
func (s *Stream) Send(name string, data []byte) error {
	var message bytes.Buffer
	message.WriteString("event: " + name + "\n")
	if len(data) == 0 {
		message.WriteString("data:\n") // without it browsers drop the event
	}
	for line := range bytes.Lines(data) {
		message.WriteString("data: ")
		message.Write(bytes.TrimRight(line, "\r\n"))
		message.WriteByte('\n')
	}
	message.WriteByte('\n')
	return s.write(message.Bytes())
}

// Backend is the running server as it is now: during a stream it may be replaced. It is nil while there is none.
func (s *Stream) Backend() Backend {
	if b := s.visit.console.backend.Load(); b != nil {
		return *b
	}
	return nil
}

func (s *Stream) write(text []byte) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(sendTimeout))
	if _, err := s.visit.w.Write(text); err != nil {
		s.stop()
		return err
	}
	if err := s.control.Flush(); err != nil {
		s.stop()
		return err
	}
	return nil
}
