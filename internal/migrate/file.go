package migrate

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"tanker/internal/archive"
	"tanker/internal/journal"
)

// Export writes what a source holds to a file. program is the version of this program.
func Export(ctx context.Context, from Source, w io.Writer, program string, report func(Progress)) (archive.Summary, error) {
	streams, err := from.Streams(ctx)
	if err != nil {
		return archive.Summary{}, err
	}
	a, err := archive.NewWriter(w, archive.Header{ID: rand.Text(), Made: time.Now().UTC(), Program: program, Streams: streams})
	if err != nil {
		return archive.Summary{}, err
	}
	progress := newMeter(streams, 1, report)
	for _, s := range streams {
		err := a.Write(s, func(put func(*journal.StoredMessage) error) error {
			return from.Read(ctx, s.Name, func(m *journal.StoredMessage) error {
				progress.add("writing "+s.Name, m)
				return put(m)
			})
		})
		if err != nil {
			return archive.Summary{}, err
		}
	}
	if err := unchanged(ctx, from, streams); err != nil {
		return archive.Summary{}, err
	}
	return a.Close()
}

// Verify reads a file from front to back and says what it holds. Errors: those of archive.Reader.
func Verify(ctx context.Context, r io.Reader, report func(Progress)) (archive.Header, archive.Summary, error) {
	a, err := archive.NewReader(r)
	if err != nil {
		return archive.Header{}, archive.Summary{}, err
	}
	header := a.Header()
	progress := newMeter(header.Streams, 1, report)
	for _, s := range header.Streams {
		err := a.Read(ctx, s.Name, func(m *journal.StoredMessage) error {
			progress.add("checking "+s.Name, m)
			return nil
		})
		if err != nil {
			return header, archive.Summary{}, err
		}
	}
	summary, err := a.Close(ctx)
	return header, summary, err
}
