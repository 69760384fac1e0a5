package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// liveLine shows how far something is: on a terminal in one line that changes, elsewhere in a line now and then.
type liveLine struct {
	w        io.Writer
	terminal bool
	shown    time.Time
	dirty    bool
}

// liveEvery is how often a line is written where it is not a terminal.
const liveEvery = 10 * time.Second

func newLiveLine(w io.Writer) *liveLine {
	l := &liveLine{w: w, shown: time.Now()}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		l.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return l
}

func (l *liveLine) show(text string) {
	switch {
	case l.terminal:
		fmt.Fprintf(l.w, "\r\x1b[K%s", plain(text))
		l.dirty = true
	case time.Since(l.shown) >= liveEvery:
		fmt.Fprintln(l.w, plain(text))
		l.shown = time.Now()
	}
}

// clear takes the line away, so that something else can be printed.
func (l *liveLine) clear() {
	if l.dirty {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.dirty = false
	}
}
