package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// How often it is looked at whether a cluster works, and how long that may take.
const (
	lookEvery   = time.Second
	lookTimeout = 3 * time.Second
)

// clusterWriteTimeout is how long a pack may take: less than a gateway waits, so that it can say that the journal is
// unavailable. Usually a new leader is there by then, or what was sent is lost.
const clusterWriteTimeout = 5 * time.Second

// cluster is the connection to servers outside of this process, and what is known of the other processes there.
type cluster struct {
	conn    *nats.Conn
	life    string // of this process: no other has it, nor this one after a restart
	others  *otherIDs
	seen    uint64                // sequence in EVENTS up to which others' packs are known; belongs to watchOthers
	trouble atomic.Pointer[error] // why it did not work when it was looked at; nil if it did
	failed  atomic.Pointer[error] // why this process must not write any more
}

func newCluster(conn *nats.Conn, o Options) *cluster {
	return &cluster{
		conn: conn, life: rand.Text(),
		others: &otherIDs{window: o.DedupWindow, max: o.DedupIDs, sources: map[string]*recentIDs{}},
	}
}

// ConnectedTo names the server that this process is connected to, its version and where it is, and says on how many servers
// events are kept; "" if the journal is in this process.
func (j *Journal) ConnectedTo() (server string, replicas int) {
	if j.cluster == nil {
		return "", 0
	}
	conn := j.cluster.conn
	return fmt.Sprintf("%s (NATS %s) at %s", conn.ConnectedServerName(), conn.ConnectedServerVersion(), withoutUser(conn.ConnectedUrl())),
		j.events.CachedInfo().Config.Replicas
}

// subject is what a writer has to know of a subject.
func (c *cluster) subject(subject string) *sharedSubject {
	s := &sharedSubject{life: c.life}
	if strings.HasPrefix(subject, subjectEvents) {
		s.others, s.source = c.others, sourceOf(subject)
	}
	return s
}

// fail has nothing be written any more.
func (c *cluster) fail(err error) { c.failed.CompareAndSwap(nil, &err) }

// refusal says why it makes no sense to try to write now: what waits until it has failed makes its sender wait.
func (c *cluster) refusal() error { return c.health() }

// health says why the cluster does not work at the moment, or nil.
func (c *cluster) health() error {
	if failed := c.failed.Load(); failed != nil {
		return *failed
	}
	switch status := c.conn.Status(); status {
	case nats.CONNECTED:
	case nats.CLOSED: // by us: it is never given up otherwise
		return ErrClosed
	default:
		return fmt.Errorf("%w: no connection to NATS (%s)", ErrUnavailable, status)
	}
	if trouble := c.trouble.Load(); trouble != nil {
		return *trouble
	}
	return nil
}

// watchCluster looks after the cluster until the journal is closed.
func (j *Journal) watchCluster() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			j.look()
		}
	}
}

// look asks whether events could be stored, and notes why not.
func (j *Journal) look() {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	_, err := j.events.Info(ctx)
	if err == nil {
		if j.cluster.trouble.Swap(nil) != nil {
			j.opts.Logger.Info("the journal works again")
		}
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("nobody answers for the stream EVENTS: too few of its servers run, or they do not reach each other")
	}
	err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	if j.cluster.trouble.Swap(&err) == nil {
		j.opts.Logger.Error("the journal does not work", "error", err)
	}
}
