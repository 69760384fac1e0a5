package delivery

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tanker/event"
	"tanker/internal/journal"
	"tanker/mapping"
	"tanker/refiner"
)

// endless is a Log of n events of many users.
type endless struct {
	pack  []journal.Entry
	left  int
	seq   uint64
	done  atomic.Int64
	total int64
	end   context.CancelFunc
}

func newEndless(n, users int) *endless {
	l := &endless{left: n, total: int64(n)}
	for i := range 512 {
		e := trackOf(fmt.Sprintf("user-%d", i%users), "Order Completed")
		e.ReceivedAt = time.Now()
		l.pack = append(l.pack, e)
	}
	return l
}

func (l *endless) Next(ctx context.Context) ([]journal.Entry, error) {
	if l.left == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := min(l.left, len(l.pack))
	l.left -= n
	l.seq++
	entries := append([]journal.Entry(nil), l.pack[:n]...)
	for i := range entries {
		entries[i].Position = journal.At(l.seq, i)
	}
	return entries, nil
}

func (l *endless) Finish(_ context.Context, outcomes []journal.Outcome) error {
	if l.done.Add(int64(len(outcomes))) == l.total {
		l.end()
	}
	return nil
}

func (l *endless) LetterRoom(context.Context) (int64, error) { return 1 << 40, nil }

func (l *endless) Defer(journal.Position, journal.Retry) {}

// Its users are too many for one to have more in the window than may stay there.
func (l *endless) Park(context.Context, []journal.Parking) error { return journal.ErrUnavailable }

func (l *endless) Unpark(context.Context, string, int) ([]journal.Entry, error) { return nil, nil }

func (l *endless) Release([]journal.Position) {}

func (l *endless) ParkedUsers() int { return 0 }

// instant answers at once.
type instantClient struct{}

func (instantClient) Do(context.Context, refiner.Request) (refiner.Answer, error) {
	return refiner.Answer{Status: 200}, nil
}

func (instantClient) Verify(context.Context) (refiner.Project, error) { return refiner.Project{}, nil }

// constantMapper does no work, so that only the worker's own is measured.
type constantMapper struct{ call mapping.Call }

func (m constantMapper) Map(e *event.Event) (mapping.Call, error) {
	c := m.call
	c.UserID = e.UserID().Text()
	return c, nil
}

func BenchmarkWorker(b *testing.B) {
	call := mapping.Call{Method: "POST", Path: "/v1/track-event", Body: []byte(`{"id":"u","event":"e"}`)}
	for _, bench := range []struct {
		name      string
		mapper    Mapper
		key, user int
	}{
		{"scheduling", constantMapper{call}, 0, 0},
		{"scheduling with limits", constantMapper{call}, 1 << 30, 1 << 30},
		{"with mapping", documented(b), 0, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			l := newEndless(b.N, 500)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			l.end = cancel
			w, err := New(Options{
				Name: "bench", Log: l, Mapper: bench.mapper, Client: instantClient{},
				KeyPerMinute: bench.key, UserPerMinute: bench.user,
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			if err := w.Run(ctx); err != nil {
				b.Fatal(err)
			}
		})
	}
}
