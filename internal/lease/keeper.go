package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// DefaultTTL is how long after its last sign of life a member's leases have gone to others, at the latest.
const DefaultTTL = 10 * time.Second

// Options configure a Keeper.
type Options struct {
	// Bucket is the group's, with a history of one. All members use the same. Required.
	Bucket jetstream.KeyValue
	// Name is the member's own; see ValidName. Required. Of two processes with one name the second waits for the end of
	// the first.
	Name string
	// TTL is within what time of its last sign of life a member's leases go to others. It is the same for all members.
	// Zero means DefaultTTL.
	TTL time.Duration
	// Logger gets what an operator should know. Zero means none.
	Logger *slog.Logger

	now clock // for tests
}

// times are the durations that follow from the TTL.
type times struct {
	beat    time.Duration // between two signs of life
	answer  time.Duration // that a write may take
	believe time.Duration // how long a session believes in itself after a sign of life was sent
	expire  time.Duration // after which others delete a member that they have not heard of
	settle  time.Duration // that a member must have been there before something moves to it
	reserve time.Duration // that a released lease is kept for whom it was released
}

func timesOf(ttl time.Duration) times {
	return times{
		beat: ttl / 10, answer: ttl / 4, believe: ttl * 3 / 4, expire: ttl * 9 / 10, settle: ttl, reserve: ttl / 2,
	}
}

// Offer is what a member can hold, and how.
type Offer struct {
	// Info is what others are told; its Name is not used.
	Info MemberInfo
	// Hold is called when a lease is won, for each in a goroutine of its own. ctx ends when the lease is to be handed over, or
	// is lost: then Lost is closed as well, and nothing must be done any more that only its holder may do. When Hold returns
	// after that, the lease is released. If it returns before, it is called again after a moment.
	Hold func(ctx context.Context, l *Lease) error
}

// offer is an Offer in force.
type offer struct {
	Offer

	number int
}

// Keeper keeps a process's membership and its leases. Its methods are safe for concurrent use.
type Keeper struct {
	options Options
	log     *slog.Logger
	now     clock
	times   times
	view    *view
	wake    chan struct{}
	leaving atomic.Bool
	parts   sync.WaitGroup

	mu    sync.Mutex
	offer offer
	held  map[string]*Lease

	// The rest belongs to Run.
	session *session
	kept    chan struct{} // closed when the session's signs of life have ended
	tried   string        // the latest session of this process
	waiting time.Duration // since when another process has the name; 0 if none has
	warned  bool
}

// New makes a Keeper. Errors are those of the options.
func New(o Options) (*Keeper, error) {
	if o.Bucket == nil || !ValidName(o.Name) {
		return nil, fmt.Errorf("lease: a bucket and a name are required; %q cannot be one", o.Name)
	}
	o.TTL = cmp.Or(o.TTL, DefaultTTL)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = systemClock
	}
	return &Keeper{
		options: o, log: o.Logger, now: o.now, times: timesOf(o.TTL), view: newView(o.now),
		wake: make(chan struct{}, 1), held: map[string]*Lease{},
	}, nil
}

// Attach has the process offer what it can hold, in the place of what it offered before. What it holds already and
// still offers it keeps. Call Detach before if there was another offer.
func (k *Keeper) Attach(o Offer) error {
	if err := checkItems(o.Info.Items); err != nil {
		return err
	}
	o.Info.Name = k.options.Name
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offer = offer{Offer: o, number: k.offer.number + 1}
	k.signal()
	return nil
}

// Detach ends every Hold, and waits for that. The leases stay with the process, to be held again when it attaches; if it
// leaves, they are released.
func (k *Keeper) Detach() {
	k.mu.Lock()
	k.offer.Hold = nil
	k.offer.number++
	var ended []<-chan struct{}
	for _, l := range k.held {
		l.cancel()
		ended = append(ended, l.ended)
	}
	k.mu.Unlock()
	k.signal()
	for _, end := range ended {
		<-end
	}
}

// Leave has the process hold nothing more, and hand over each lease as soon as its Hold has returned. It does not wait.
func (k *Keeper) Leave() {
	k.leaving.Store(true)
	k.signal()
}

// Run keeps the membership until ctx ends. Then it hands over what is held, waiting for each Hold, and leaves.
func (k *Keeper) Run(ctx context.Context) error {
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer k.parts.Wait()
	defer cancel()
	k.parts.Go(func() { k.watch(working) })
	tick := time.NewTicker(k.times.beat)
	defer tick.Stop()
	stop := ctx.Done()
	for {
		k.turn(working)
		if stop == nil && k.handedOver() {
			return k.quit(working)
		}
		select {
		case <-k.wake:
		case <-tick.C:
		case <-stop:
			stop = nil
			k.Leave()
		}
	}
}

func (k *Keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// info is what the others are told of this member.
func (k *Keeper) info() MemberInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	info := k.offer.Info
	info.Name = k.options.Name
	return info
}

// watch follows the bucket until ctx ends.
func (k *Keeper) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := k.follow(ctx); err != nil && ctx.Err() == nil {
			k.log.Debug("the cluster's records cannot be followed", "error", err)
			pause(ctx, k.times.beat)
		}
	}
}

func (k *Keeper) follow(ctx context.Context) error {
	watcher, err := k.options.Bucket.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Stop() }() // what it says is of no use any more
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errors.New("the connection was closed")
			case entry == nil:
				k.view.complete()
			case !k.view.take(entry):
				k.log.Warn("a record of the cluster cannot be read", "key", entry.Key(), "revision", entry.Revision())
			}
			k.signal()
		}
	}
}

// turn does what is to be done at the moment.
func (k *Keeper) turn(ctx context.Context) {
	k.tend(ctx)
	if !k.view.completed() {
		return
	}
	k.expel(ctx)
	if k.session == nil || !k.session.valid() {
		return
	}
	k.announce()
	plan := k.view.plan(k.times.settle, k.absent())
	k.settle(ctx, plan)
	k.acquire(ctx, plan)
}

// announce has the others told at once of what has changed about this member.
func (k *Keeper) announce() {
	k.mu.Lock()
	now := announcement{k.offer.number, k.leaving.Load()}
	k.mu.Unlock()
	if k.session.announced == now {
		return
	}
	k.session.announced = now
	select {
	case k.session.hurry <- struct{}{}:
	default:
	}
}

// absent is this member's name if it is not to be planned with.
func (k *Keeper) absent() string {
	if k.leaving.Load() {
		return k.options.Name
	}
	return ""
}

// tend begins a session where there is none, and puts away one that is over.
func (k *Keeper) tend(ctx context.Context) {
	if s := k.session; s != nil && !s.valid() {
		s.end()
		if !k.dropped() {
			return
		}
		<-k.kept
		k.log.Warn("no contact with the cluster's records in time: what was held is given up", "name", k.options.Name)
		k.session = nil
	}
	k.mu.Lock()
	offered := k.offer.number > 0
	k.mu.Unlock()
	if k.session == nil && offered && k.view.completed() && !k.leaving.Load() {
		k.join(ctx)
	}
}

// dropped cancels everything that is held by a session that is over. It says true when all has ended.
func (k *Keeper) dropped() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for item, l := range k.held {
		l.cancel()
		if l.hasEnded() {
			delete(k.held, item)
		}
	}
	return len(k.held) == 0
}

// join begins a session, unless another process with the same name may be alive.
func (k *Keeper) join(ctx context.Context) {
	m := k.view.member(k.options.Name)
	if !m.gone && m.record.Session != k.tried && k.now()-m.changed < k.times.expire {
		k.another()
		return
	}
	s := newSession(k)
	k.tried, k.waiting, k.warned = s.id, 0, false
	if err := s.show(ctx, m.revision); err != nil {
		k.log.Debug("the cluster cannot be joined at the moment", "error", err)
		return
	}
	k.session, k.kept = s, make(chan struct{})
	kept := k.kept
	k.parts.Go(func() {
		defer close(kept)
		s.keep(ctx)
	})
}

// another waits for the end of another process with this one's name: usually its own predecessor, which was killed.
func (k *Keeper) another() {
	now := k.now()
	if k.waiting == 0 {
		k.waiting = now
	}
	if now-k.waiting > 2*k.options.TTL && !k.warned {
		k.warned = true
		k.log.Error("another process of the cluster has the same name and is alive: this one delivers nothing until it has a name of its own",
			"name", k.options.Name)
	}
}

// expel deletes the members that have not been heard of for too long.
func (k *Keeper) expel(ctx context.Context) {
	for _, m := range k.view.silent(k.times.expire) {
		if m.record.Name == k.options.Name {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, k.times.answer)
		err := k.options.Bucket.Delete(ctx, memberKey(m.record.Name), jetstream.LastRevision(m.revision))
		cancel()
		if err == nil {
			k.log.Warn("a process of the cluster is not heard of any more: others take over what it held", "name", m.record.Name)
		}
	}
}

// handedOver reports whether nothing is held any more.
func (k *Keeper) handedOver() bool {
	if k.session == nil || !k.session.valid() {
		return k.dropped()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held) == 0
}

// quit ends the session.
func (k *Keeper) quit(ctx context.Context) error {
	s := k.session
	if s == nil {
		return nil
	}
	valid := s.valid()
	s.end()
	<-k.kept
	if !valid {
		return nil
	}
	if err := s.leave(ctx); err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	return nil
}

// get reads a record.
func (k *Keeper) get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, k.times.answer)
	defer cancel()
	return k.options.Bucket.Get(ctx, key)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// offers reports whether an item can be held at the moment, and how.
func (k *Keeper) offers(item string) (offer, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, found := slices.BinarySearch(k.offer.Info.Items, item)
	return k.offer, found && !k.leaving.Load()
}
