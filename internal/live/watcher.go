package live

import (
	"time"

	"tanker/internal/journal"
)

const (
	// rowsAtFirst is how many rows a watcher is shown at first, rowsEach how many new ones with each frame, and rowsKept how
	// many are kept up to date.
	rowsAtFirst = 100
	rowsEach    = 125
	rowsKept    = 300
	// behind is how many ticks a watcher may be late.
	behind = 8
	// beat is how many ticks without anything new go by before there is a frame nevertheless.
	beat = 4
)

// RowsKept is how many rows a watcher is told changes of: those that came last.
const RowsKept = rowsKept

// PerSecond is how many new rows a watcher is shown in a second at the most.
const PerSecond = rowsEach * int(time.Second/tickEvery)

// Frame is what a watcher is shown at a time.
type Frame struct {
	At    time.Time
	Reset bool   // what was shown before is void
	Rows  []*Row // that are new or have changed, in the order of what happened

	Accepted, Finished float64 // events and outcomes a second, as of late; not only those that are meant
	LeftOut            int     // rows that were meant and are not shown, because there were too many
	Unread             int     // events and outcomes of which nobody knows whether they are meant, because there were too many
	Trouble            string  // why nothing new is known; "" if all is well
}

// watcher is someone who watches.
type watcher struct {
	filter Filter
	ticks  chan *tick
	lost   bool // it missed a tick; belongs to the reader

	shown              map[journal.Position]bool
	order              []journal.Position
	accepted, finished float64
	idle               int
	unread, leftOut    int // since the last frame
}

func newWatcher(f Filter) *watcher {
	return &watcher{filter: f, ticks: make(chan *tick, behind)}
}

// begin shows rows in the place of all others.
func (w *watcher) begin(rows []*Row) Frame {
	w.shown, w.order = map[journal.Position]bool{}, nil
	for _, row := range rows {
		w.show(row)
	}
	return Frame{At: time.Now().UTC(), Reset: true, Rows: rows, Accepted: w.accepted, Finished: w.finished}
}

// show notes that a row is shown, and that the oldest one is not any more.
func (w *watcher) show(row *Row) {
	w.shown[row.Position] = true
	w.order = append(w.order, row.Position)
	if len(w.order) > rowsKept {
		delete(w.shown, w.order[0])
		w.order = w.order[1:]
	}
}

// frame makes of a tick what the watcher wants to see, and says whether it is worth showing now.
func (w *watcher) frame(t *tick) (Frame, bool) {
	fresh, changed := w.rows(t)
	w.rate(t)
	w.unread += t.unread + t.unshown
	if n := len(fresh); n > rowsEach {
		w.leftOut += n - rowsEach
		for i := range rowsEach {
			fresh[i] = fresh[i*n/rowsEach]
		}
		fresh = fresh[:rowsEach]
	}
	for _, row := range fresh {
		w.show(row)
	}
	w.idle++
	if len(fresh)+len(changed) == 0 && w.idle < beat && t.trouble == "" {
		return Frame{}, false
	}
	f := Frame{
		At: t.at, Rows: append(changed, fresh...), Accepted: w.accepted, Finished: w.finished,
		LeftOut: w.leftOut, Unread: w.unread, Trouble: t.trouble,
	}
	w.idle, w.leftOut, w.unread = 0, 0, 0
	return f, true
}

// rows are those of a tick that are meant: new ones, and those that are shown and have changed, each once.
func (w *watcher) rows(t *tick) (fresh, changed []*Row) {
	index := map[journal.Position]int{} // in fresh or, from -1 downwards, in changed
	if !w.filter.byOutcome() {
		for _, e := range t.events {
			if !w.shown[e.Position] && w.filter.wants(e) {
				index[e.Position] = len(fresh)
				fresh = append(fresh, &Row{Event: e})
			}
		}
	}
	for i := range t.settled {
		s := &t.settled[i]
		at := s.row.Position
		n, known := index[at]
		switch {
		case known && n >= 0:
			fresh[n] = s.row
		case known:
			changed[-n-1] = s.row
		case w.shown[at]:
			changed = append(changed, s.row)
			index[at] = -len(changed)
		case w.filter.wants(s.row.Event) && w.filter.accepts(&s.outcome):
			index[at] = len(fresh)
			fresh = append(fresh, s.row)
		}
	}
	return fresh, changed
}

// rate brings the rates up to date: each tick counts for a quarter.
func (w *watcher) rate(t *tick) {
	const perSecond, weight = float64(time.Second / tickEvery), 0.25
	w.accepted += weight * (perSecond*float64(t.accepted) - w.accepted)
	w.finished += weight * (perSecond*float64(t.finished) - w.finished)
	for _, rate := range []*float64{&w.accepted, &w.finished} {
		if *rate < 0.05 {
			*rate = 0
		}
	}
}
