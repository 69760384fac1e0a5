package journal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// On a cluster several processes accept events of one source, each under a subject of its own. The headers of a pack tell
// the others what they have to know of it, so that they need not read it.
const (
	headerLife  = "Tanker-Life"  // of the process that wrote it: a new one with every start
	headerTotal = "Tanker-Total" // how many events the subject holds, up to and including the pack
	headerIDs   = "Tanker-Ids"   // digests of the message ids, base64; not in packs of replays
)

// digestBytes is how much of an id's SHA-256 stands for it: with a million ids in the window, the chance that a new one is
// taken for one of them is 1 : 10^18. A full pack's digests still fit into NATS's 64 KiB for headers.
const digestBytes = 10

// sharedHash is the digest of an id, which is the same in all processes.
func sharedHash(id string) idHash {
	sum := sha256.Sum256([]byte(id))
	return digestOf(sum[:digestBytes])
}

func digestOf(digest []byte) idHash {
	return idHash{binary.BigEndian.Uint64(digest), uint64(binary.BigEndian.Uint16(digest[8:]))}
}

// encodeIDs writes digests as the header has them.
func encodeIDs(ids []idHash) string {
	raw := make([]byte, 0, len(ids)*digestBytes)
	for _, id := range ids {
		raw = binary.BigEndian.AppendUint64(raw, id[0])
		raw = binary.BigEndian.AppendUint16(raw, uint16(id[1]))
	}
	return base64.RawStdEncoding.EncodeToString(raw)
}

// decodeIDs reads what encodeIDs writes.
func decodeIDs(text string) ([]idHash, error) {
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw)%digestBytes != 0 {
		return nil, fmt.Errorf("digests of ids: %w", ErrCorrupt)
	}
	ids := make([]idHash, 0, len(raw)/digestBytes)
	for len(raw) > 0 {
		ids = append(ids, digestOf(raw))
		raw = raw[digestBytes:]
	}
	return ids, nil
}

// sharedSubject is what a writer knows of a subject that others could write to.
type sharedSubject struct {
	life   string
	others *otherIDs // nil for replays
	source string

	known  bool   // the subject was looked up before
	before string // the life that wrote to it last then
}

// has says whether another process has stored an event of the source with this id.
func (s *sharedSubject) has(id idHash) bool {
	return s != nil && s.others != nil && s.others.has(s.source, id)
}

// header is that of a pack after which the subject holds stored events.
func (s *sharedSubject) header(stored uint64, ids []idHash) nats.Header {
	h := nats.Header{headerLife: {s.life}, headerTotal: {strconv.FormatUint(stored, 10)}}
	if s.others != nil {
		h[headerIDs] = []string{encodeIDs(ids)}
	}
	return h
}

// claim says whether somebody else writes to the subject: the last pack is neither of this process, nor of the one that wrote to
// it before this one began. That one is over, or will notice in the same way.
func (w *writer) claim(last lastPack) error {
	s := w.shared
	if !s.known {
		s.known, s.before = true, last.life
		return nil
	}
	job := !strings.HasSuffix(w.subject, "."+w.journal.opts.Writer) // which may move from process to process
	if last.seq <= w.last || last.life == s.life || last.life == s.before && !job {
		return nil
	}
	if job {
		return fmt.Errorf("%w: another process goes on with %s", ErrFenced, w.subject)
	}
	err := fmt.Errorf("%w: %q, in %s: give each its own (journal.node), and restart this one",
		ErrNameTaken, w.journal.opts.Writer, w.subject)
	w.journal.cluster.fail(err)
	w.journal.opts.Logger.Error("events are not accepted any more", "error", err)
	return err
}

// otherIDs remembers the ids of the last minutes that other processes have stored, or this one before its last start, for
// each source.
type otherIDs struct {
	window time.Duration
	max    int

	mu      sync.Mutex
	sources map[string]*recentIDs
}

func (o *otherIDs) has(source string, id idHash) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := o.sources[source]
	return ids != nil && ids.has(id)
}

func (o *otherIDs) add(source string, ids []idHash, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.sources[source]
	if known == nil {
		known = newRecentIDs(o.window, o.max)
		o.sources[source] = known
	}
	for _, id := range ids {
		known.add(id, now)
	}
}
