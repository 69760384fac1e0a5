package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options configure a journal.
type Options struct {
	// Dir is where the data lives. It is created when it is not there. Required, unless Cluster has a URL.
	Dir string
	// Cluster keeps the data on NATS servers elsewhere. The zero value means the server in this process, with its
	// data in Dir. With a URL, Dir, SyncEvery and MinFree mean nothing.
	Cluster Cluster
	// SyncEvery is how long written data may stay in the operating system's memory. Zero, the default, means
	// that every write is on disk before Append returns; otherwise a power cut can lose that much.
	// A crash of the process alone loses nothing either way.
	SyncEvery time.Duration
	// MaxBytes bounds the events on disk. When it is reached Append returns ErrFull. Zero means
	// 70 % of the space that is free or already ours, and on a cluster, where each replica takes that much, 8 GiB.
	MaxBytes int64
	// MinFree is the space that is left on the disk for others: with less free, Append returns ErrFull.
	// Zero means 256 MiB.
	MinFree int64
	// Retention is how long finished events are kept for replays. Zero means 7 days.
	Retention time.Duration
	// DedupWindow is how long a message id is remembered, so that an event sent again is stored once.
	// Zero means 2 minutes.
	DedupWindow time.Duration
	// DedupIDs bounds the ids that are remembered for each source within the window. Zero means 500,000, some 40 MB.
	DedupIDs int
	// Writer names this process in the subjects it writes to. On a cluster each process needs a name of its own, and
	// keeps it over its restarts; see ValidName. Zero means "local".
	Writer string
	// Logger gets what an operator should know. Zero means none.
	Logger *slog.Logger
	// Observer is told of every write. Zero means nobody.
	Observer Observer
}

// Observer is told what the journal does.
type Observer interface {
	// Appended is called after each write: how many events and bytes it held and how long it took.
	Appended(events, bytes int, took time.Duration)
}

type noObserver struct{}

func (noObserver) Appended(int, int, time.Duration) {}

func (o Options) withDefaults() (Options, error) {
	if err := o.checkPlace(); err != nil {
		return o, err
	}
	if o.MinFree == 0 {
		o.MinFree = 256 << 20
	}
	if o.Retention == 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.DedupWindow == 0 {
		o.DedupWindow = 2 * time.Minute
	}
	if o.DedupIDs == 0 {
		o.DedupIDs = 500_000
	}
	if o.Writer == "" {
		o.Writer = "local"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	return o, nil
}

// checkPlace refuses options that do not say where the data is.
func (o *Options) checkPlace() error {
	switch {
	case o.Cluster.URL == "" && o.Dir == "":
		return errors.New("journal: no directory given")
	case o.Writer != "" && !ValidName(o.Writer):
		return fmt.Errorf("journal: %q cannot be the name of a process", o.Writer)
	}
	o.Cluster.Replicas = cmp.Or(o.Cluster.Replicas, defaultReplicas)
	if o.Cluster.URL == "" {
		o.Cluster.Replicas = 1
	} else {
		o.MaxBytes = cmp.Or(o.MaxBytes, clusterRoom)
	}
	return nil
}

// Journal is the durable log. Its methods are safe for concurrent use.
type Journal struct {
	opts     Options
	lock     *os.File  // nil on a cluster
	embedded *embedded // nil on a cluster
	cluster  *cluster  // nil if the server is in this process
	js       jetstream.JetStream

	events, outcomes, dead, parked jetstream.Stream
	rewritten, names               jetstream.Stream
	cursors, counts, paused        jetstream.KeyValue
	memories, replays              jetstream.KeyValue
	series                         jetstream.KeyValue
	erasures, suppressed           jetstream.KeyValue

	mu      sync.Mutex
	closed  bool
	writers map[string]*writer // by subject
	held    map[string]*Cursor // open cursors, by destination
	peeked  map[string]peeked  // others' cursors, by destination
	others  func() []string    // destinations that others may own; nil if there can be no others
	stored  map[string]tally   // by subject
	counted map[string]bool    // subjects whose tallies have changed

	rewrites       rewrittenPacks
	suppression    *Suppression
	overwriting    atomic.Int32
	overwritingOne sync.Mutex    // held while something is overwritten
	replaying      sync.Mutex    // held while what is known of replays changes
	erasing        sync.Mutex    // held while a pack is rewritten
	writeTimeout   time.Duration // how long one pack may take
	adapts         bool          // streams of a cluster are changed to what is configured

	full atomic.Bool // the disk's reserve is reached
	stop chan struct{}
	wg   sync.WaitGroup
}

// Open opens the journal, or creates it where there is none. Errors: ErrLocked when another process has its directory
// open, ErrUnfinished when it is a copy that was not finished, ErrUnavailable when the server in it does not start or those
// elsewhere cannot be reached.
func Open(ctx context.Context, opts Options) (*Journal, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	j := newJournal(o)
	if err := j.start(ctx); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

func newJournal(o Options) *Journal {
	return &Journal{
		opts: o, stop: make(chan struct{}), writeTimeout: writeTimeout,
		writers: map[string]*writer{}, held: map[string]*Cursor{}, stored: map[string]tally{}, counted: map[string]bool{},
	}
}

func (j *Journal) start(ctx context.Context) error {
	if err := j.connect(ctx); err != nil {
		return err
	}
	if err := j.checkServers(ctx); err != nil {
		return err
	}
	if err := j.patiently(ctx, func() error { return j.refuseUnfinished(ctx) }); err != nil {
		return err
	}
	if err := j.openAll(ctx); err != nil {
		return err
	}
	if err := j.loadErased(ctx); err != nil {
		return err
	}
	if err := j.loadSuppression(ctx); err != nil {
		return err
	}
	if err := j.loadCounts(ctx); err != nil {
		return err
	}
	remember := j.remember
	if j.cluster != nil {
		remember = j.readOthers
	}
	if err := remember(ctx); err != nil {
		return fmt.Errorf("read recent message ids: %w", err)
	}
	return j.watch()
}

// openAll opens the streams.
func (j *Journal) openAll(ctx context.Context) error {
	err := j.patiently(ctx, func() error { return j.openStreams(ctx) })
	if err != nil || j.cluster == nil {
		return err
	}
	j.opts.MaxBytes = j.events.CachedInfo().Config.MaxBytes // which others may have set otherwise
	return nil
}

// connect reaches the server, here or elsewhere.
func (j *Journal) connect(ctx context.Context) error {
	connect := j.startEmbedded
	if j.opts.Cluster.URL != "" {
		connect = j.startCluster
	}
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	if j.js, err = jetstream.New(conn); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	return nil
}

// startEmbedded starts the server in this process, on a directory that nobody else has open.
func (j *Journal) startEmbedded(context.Context) (*nats.Conn, error) {
	dir := j.opts.Dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create journal directory: %w", err)
	}
	var err error
	if j.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if j.opts.MaxBytes == 0 {
		if j.opts.MaxBytes, err = roomFor(dir); err != nil {
			return nil, err
		}
	}
	if j.embedded, err = startEmbedded(j.opts); err != nil {
		return nil, err
	}
	return j.embedded.conn, nil
}

// startCluster connects to the servers elsewhere.
func (j *Journal) startCluster(ctx context.Context) (*nats.Conn, error) {
	conn, err := connectCluster(ctx, j.opts)
	if err != nil {
		return nil, err
	}
	j.cluster, j.writeTimeout = newCluster(conn, j.opts), clusterWriteTimeout
	return conn, nil
}

// watch begins to look after what the data is stored on.
func (j *Journal) watch() error {
	j.wg.Go(j.keepCounts)
	if j.cluster != nil {
		j.wg.Go(j.watchCluster)
		j.wg.Go(j.watchOthers)
		return nil
	}
	if err := j.checkDisk(); err != nil {
		return err
	}
	j.wg.Go(j.watchDisk)
	return nil
}

// Close stops writing, saves the cursors that are still open and gives the directory back. Events whose Append
// has not returned may or may not be stored.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()

	var errs []error
	for _, c := range j.openCursors() {
		errs = append(errs, c.Close())
	}
	close(j.stop)
	j.wg.Wait()
	if j.counts != nil {
		errs = append(errs, j.saveCounts())
	}
	if j.cluster != nil {
		j.cluster.conn.Close()
	}
	if j.embedded != nil {
		j.embedded.stop()
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	return errors.Join(errs...)
}

// Health says why the journal cannot take events at the moment, or nil.
func (j *Journal) Health() error {
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case j.full.Load():
		return j.errReserve()
	case j.cluster != nil:
		return j.cluster.health()
	}
	return j.embedded.health()
}

// Usage is the room the journal takes.
type Usage struct {
	Bytes    uint64    `json:"bytes"`    // of stored events on disk
	MaxBytes int64     `json:"maxBytes"` // what they may take
	Events   uint64    `json:"events"`   // ever accepted
	First    time.Time `json:"first"`    // when the oldest stored event was written; zero if there is none
}

// Usage reads the room the journal takes.
func (j *Journal) Usage(ctx context.Context) (Usage, error) {
	info, err := j.events.Info(ctx)
	if err != nil {
		return Usage{}, fmt.Errorf("read journal size: %w: %w", ErrUnavailable, err)
	}
	bytes, err := j.storedBytes(ctx)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Bytes: bytes, MaxBytes: info.Config.MaxBytes}
	if info.State.Msgs > 0 {
		u.First = info.State.FirstTime
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, stored := range j.stored {
		u.Events += stored.events
	}
	return u, nil
}

func (j *Journal) watchDisk() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	healer := healer{journal: j}
	for {
		select {
		case <-j.stop:
			return
		case now := <-tick.C:
			if err := j.checkDisk(); err != nil {
				j.opts.Logger.Error("free disk space is unknown", "error", err)
			}
			healer.look(now)
		}
	}
}

func (j *Journal) checkDisk() error {
	free, err := freeSpace(j.opts.Dir)
	if err != nil {
		return err
	}
	full := free < j.opts.MinFree
	if was := j.full.Swap(full); was != full {
		if full {
			j.opts.Logger.Error("disk is nearly full, refusing new events", "free", free, "reserve", j.opts.MinFree, "dir", j.opts.Dir)
		} else {
			j.opts.Logger.Info("disk has room again, accepting events", "free", free)
		}
	}
	return nil
}

func (j *Journal) errReserve() error {
	return fmt.Errorf("%w: less than %d MiB free on the disk of %s; make room or lower the reserve",
		ErrFull, j.opts.MinFree>>20, j.opts.Dir)
}

// roomFor is the default size: most of what is free, counting what the journal has already.
func roomFor(dir string) (int64, error) {
	free, err := freeSpace(dir)
	if err != nil {
		return 0, err
	}
	var own int64
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			own += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", dir, err)
	}
	return (free + own) / 10 * 7, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidName says whether a source or destination can have this name: 1 to 64 letters, digits, - and _.
func ValidName(name string) bool { return validName.MatchString(name) }
