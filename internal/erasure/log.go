package erasure

import (
	"context"
	"time"

	"tanker/internal/journal"
	"tanker/refiner"
)

// Log is the journal as erasures use it. A *journal.Journal is one.
type Log interface {
	Scan(ctx context.Context, s journal.Scan, do func(journal.StoredPack) error) error
	ScanDead(ctx context.Context, s journal.DeadScan, do func(seq uint64, letter journal.DeadLetter) error) error
	Extent(ctx context.Context) (first, last uint64, err error)

	Erase(ctx context.Context, seq uint64, which func(*journal.Entry) bool) (int, error)
	EraseDead(ctx context.Context, which func(*journal.DeadLetter) bool) (int, error)
	EraseParked(ctx context.Context, reason string, which func(*journal.Entry) bool, abandoned func(destination string) bool) (map[string]int, error)
	RewriteReplays(ctx context.Context) error
	ForgetMemories(ctx context.Context) error
	Overwriting(on bool)

	Suppression() *journal.Suppression
	Suppress(ctx context.Context, note string, names ...journal.SuppressedName) error
	Lift(ctx context.Context, note string, names ...journal.SuppressedName) error

	AddErasure(ctx context.Context, job string, data []byte) (bool, error)
	SaveErasure(ctx context.Context, job string, data []byte) error
	DeleteErasure(ctx context.Context, job string) error
	SavedErasures(ctx context.Context) (map[string][]byte, error)
	AddErasureNames(ctx context.Context, job string, part int, data []byte) error
	ErasureNames(ctx context.Context, job string) ([][]byte, error)
	DropErasureNames(ctx context.Context, job string) error
	ErasingJobs(ctx context.Context) ([]string, error)
}

// Contacts is the API that knows the contacts of a destination. A *refiner.Client is one.
type Contacts interface {
	Contact(ctx context.Context, user refiner.User) (refiner.ContactRecord, error)
	DeleteContact(ctx context.Context, user refiner.User) error
}

// Destination is one at which users may have contacts.
type Destination struct {
	Name     string
	Contacts Contacts

	// Skip says in words why contacts are not deleted here at all; "" if they are.
	Skip string
	// Hold says in words why no call may be made at the moment; "" if one may.
	Hold func() string
	// Settled reports whether nothing is under way any more of users who were suppressed up to a version of the list, at a
	// time.
	Settled func(version uint64, since time.Time) bool
	// Drain gives the parked events that which names their outcome, where nothing else does that. It may be nil.
	Drain func(ctx context.Context, which func(*journal.Entry) bool) error
}

// progressEvery is how often whoever waits is told how far a search is.
const progressEvery = 500 * time.Millisecond

// scan reads the whole log and tells now and then how far it is. do counts what it finds.
func scan(ctx context.Context, log Log, progress func(Progress) error, p *Progress, do func(*journal.StoredPack) error) error {
	first, last, err := log.Extent(ctx)
	if err != nil {
		return err
	}
	told := time.Now()
	return log.Scan(ctx, journal.Scan{UpTo: last}, func(pack journal.StoredPack) error {
		p.Searched += len(pack.Entries)
		if err := do(&pack); err != nil {
			return err
		}
		if time.Since(told) < progressEvery {
			return nil
		}
		told = time.Now()
		p.Share = float64(pack.Seq-first+1) / float64(last-first+1)
		return progress(*p)
	})
}
