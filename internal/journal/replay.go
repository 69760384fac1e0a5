package journal

import "context"

// replay accepts events anew for one destination, in order, behind everything accepted so far. writer is the last word
// of the subject. Errors are those of Append.
func (j *Journal) replay(ctx context.Context, destination, writer string, entries []Entry) error {
	if err := checkEntries(entries); err != nil {
		return err
	}
	if j.full.Load() {
		return j.errReserve()
	}
	w, err := j.writerFor(subjectReplay + destination + "." + writer)
	if err != nil {
		return err
	}
	return w.append(ctx, entries)
}
