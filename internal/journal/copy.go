package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a copy. They are matched with errors.Is.
var (
	// ErrUnfinished says that a journal is a copy that was not finished. It cannot be used as it is.
	ErrUnfinished = errors.New("journal is an unfinished copy")
	// ErrOccupied says that a copy would overwrite a journal.
	ErrOccupied = errors.New("there is a journal already")
)

// Copied is a stream that was copied and compared.
type Copied struct {
	Source StoredStream `json:"source"` // as it was then
	Digest []byte       `json:"digest"`
}

// Copy is a journal that is being made from another one. Until Finish nothing else can open it.
type Copy struct {
	Store
	streams map[string]jetstream.StreamConfig // as they are to be at the end
	noted   unfinished
}

// OpenCopy begins a copy, or goes on with one. from names the source: a copy can only be continued from the same. The
// journal of opts has to be empty or not there. Errors: ErrOccupied, ErrUnfinished if it is a copy of something else,
// ErrLocked, ErrUnavailable.
func OpenCopy(ctx context.Context, opts Options, from string) (*Copy, error) {
	if opts.SyncEvery == 0 {
		opts.SyncEvery = time.Second // Finish sees to it that everything is on disk
	}
	s, err := openStore(ctx, opts)
	if err != nil {
		return nil, err
	}
	c := &Copy{Store: *s}
	if err := c.begin(ctx, from); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Copy) begin(ctx context.Context, from string) error {
	if err := c.checkServer(); err != nil {
		return err
	}
	noted, err := c.journal.readUnfinished(ctx)
	if err != nil {
		return err
	}
	switch {
	case noted == nil:
		if err := c.checkEmpty(ctx); err != nil {
			return err
		}
		c.noted = unfinished{From: from, Streams: map[string]Copied{}}
		if err := c.note(ctx); err != nil {
			return err
		}
	case noted.From != from:
		return fmt.Errorf("%s: %w of %s", c.Place(), ErrUnfinished, noted.From)
	default:
		c.noted = *noted
		if err := c.deleteBroken(ctx); err != nil {
			return err
		}
	}
	return c.makeStreams(ctx)
}

// deleteBroken deletes what an earlier run has not copied whole. A cluster on which a stream was not restored to its end
// has a stream that it neither finds nor makes anew.
func (c *Copy) deleteBroken(ctx context.Context) error {
	for _, name := range storedStreams() {
		if _, whole := c.noted.Streams[name]; whole {
			continue
		}
		if err := deleteStream(ctx, c.journal.js, name); err != nil {
			return err
		}
	}
	return nil
}

// checkEmpty refuses to copy over what is there.
func (c *Copy) checkEmpty(ctx context.Context) error {
	streams, err := c.Streams(ctx)
	if errors.Is(err, ErrNoJournal) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Last > 0 {
			return fmt.Errorf("%s: %w: %s holds or has held %d messages", c.Place(), ErrOccupied, s.Name, s.Last)
		}
	}
	return nil
}

// makeStreams makes the streams as a journal does and notes what they are like. On a cluster they stay on one server each
// until the end: what a server lacks is told of servers that are added to a stream, but not of those that it was
// restored on.
func (c *Copy) makeStreams(ctx context.Context) error {
	if err := c.makeAs(ctx, 1); err != nil {
		return err
	}
	c.streams = map[string]jetstream.StreamConfig{}
	for _, name := range storedStreams() {
		stream, err := c.journal.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("read %s: %w: %w", name, ErrUnavailable, err)
		}
		c.streams[name] = stream.CachedInfo().Config
	}
	return nil
}

// makeAs makes the streams that are not there, and sets the limits of all. How long something is kept is for the server to
// say that will run on the copy.
func (c *Copy) makeAs(ctx context.Context, replicas int) error {
	const forever = 100 * 365 * 24 * time.Hour
	set := c.journal.opts
	c.journal.opts.Retention, c.journal.opts.Cluster.Replicas = forever, replicas
	defer func() { c.journal.opts = set }()
	c.journal.adapts = true
	return c.journal.openStreams(ctx)
}

// Copied is what is known of a stream that was copied before.
func (c *Copy) Copied(stream string) (Copied, bool) {
	copied, ok := c.noted.Streams[stream]
	return copied, ok
}

// Note writes down that a stream is copied.
func (c *Copy) Note(ctx context.Context, copied Copied) error {
	c.noted.Streams[copied.Source.Name] = copied
	return c.note(ctx)
}

func (c *Copy) note(ctx context.Context) error { return c.journal.writeUnfinished(ctx, c.noted) }

// CheckRoom says whether a stream of the source fits in. Errors: ErrFull, ErrCorrupt if it is none of a journal's.
func (c *Copy) CheckRoom(stream StoredStream) error {
	config, ok := c.streams[stream.Name]
	if !ok {
		return fmt.Errorf("%w: a journal has no stream %q", ErrCorrupt, stream.Name)
	}
	if config.MaxBytes > 0 && stream.Bytes > uint64(config.MaxBytes) {
		return fmt.Errorf("%w: %s takes %d MiB and may take %d", ErrFull, stream.Name, stream.Bytes>>20, config.MaxBytes>>20)
	}
	return nil
}

// Fill makes a stream anew of the messages that write puts, in order. After an error the stream holds some of them or is not
// there. Errors: what write returns, ErrFull, ErrUnavailable.
func (c *Copy) Fill(ctx context.Context, stream StoredStream, write func(put func(*StoredMessage) error) error) error {
	delete(c.noted.Streams, stream.Name)
	if err := c.note(ctx); err != nil {
		return err
	}
	if err := deleteStream(ctx, c.journal.js, stream.Name); err != nil {
		return err
	}
	return restore(ctx, c.conn(), unlimited(c.streams[stream.Name]), stream, write)
}

func (c *Copy) conn() *nats.Conn {
	if c.journal.cluster != nil {
		return c.journal.cluster.conn
	}
	return c.journal.embedded.conn
}

// Finish makes the copy a journal like any other, on all servers that are to keep it, and closes it.
func (c *Copy) Finish(ctx context.Context) error {
	if err := c.makeAs(ctx, c.journal.opts.Cluster.Replicas); err != nil {
		return err
	}
	if c.journal.cluster != nil {
		return c.finishCluster(ctx)
	}
	if err := c.Close(); err != nil { // the server writes what it has in memory
		return err
	}
	return c.finishDirectory()
}

func (c *Copy) finishCluster(ctx context.Context) error {
	for _, name := range storedStreams() {
		if err := c.awaitReplicas(ctx, name); err != nil {
			return err
		}
	}
	if err := deleteStream(ctx, c.journal.js, bucketStream+bucketUnfinished); err != nil {
		return err
	}
	return c.Close()
}

func (c *Copy) finishDirectory() error {
	dir := c.journal.opts.Dir
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syncTree(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, unfinishedFile)); err != nil {
		return fmt.Errorf("finish the copy: %w", err)
	}
	return syncFile(dir)
}
