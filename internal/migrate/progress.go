package migrate

import (
	"time"

	"tanker/internal/journal"
)

// Progress says how far something is.
type Progress struct {
	Doing string        // "copying EVENTS"
	Share float64       // 0 to 1
	Left  time.Duration // estimated; 0 if unknown
}

// meterEvery is how often progress is reported.
const meterEvery = 200 * time.Millisecond

// meter adds up what is done. Each stream is gone through a number of times.
type meter struct {
	report      func(Progress)
	passes      uint64
	done, total uint64 // bytes
	skipped     uint64 // of done, without work
	began, told time.Time
}

func newMeter(streams []journal.StoredStream, passes uint64, report func(Progress)) *meter {
	m := &meter{report: report, passes: passes, began: time.Now()}
	for _, s := range streams {
		m.total += passes * s.Bytes
	}
	return m
}

// add counts a message.
func (m *meter) add(doing string, msg *journal.StoredMessage) {
	const overhead = 30 // bytes that the server counts beside what is in a message
	m.done = min(m.total, m.done+overhead+uint64(len(msg.Subject)+len(msg.Header)+len(msg.Data)))
	now := time.Now()
	if m.report == nil || now.Sub(m.told) < meterEvery {
		return
	}
	m.told = now
	p := Progress{Doing: doing, Share: float64(m.done) / float64(m.total)}
	if worked := m.done - min(m.skipped, m.done); worked > 0 && now.Sub(m.began) > time.Second {
		p.Left = time.Duration(float64(now.Sub(m.began)) * float64(m.total-m.done) / float64(worked)).Round(time.Second)
	}
	m.report(p)
}

func (m *meter) mark() uint64 { return m.done }

func (m *meter) reset(done uint64) { m.done = done }

// skip counts a stream that was gone through once and needs no more.
func (m *meter) skip(s journal.StoredStream) {
	skipped := (m.passes - 1) * s.Bytes
	m.done = min(m.total, m.done+skipped)
	m.skipped += skipped
}

// last reports what is left when all messages were gone through.
func (m *meter) last(doing string) {
	if m.report != nil {
		m.report(Progress{Doing: doing, Share: 1})
	}
}
