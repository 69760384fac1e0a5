package journal

import (
	"maps"
	"time"
)

// progress knows which events of a destination are finished, as far as EVENTS is concerned: an event that is parked
// is finished here and goes on in parking. It holds the packs that were read and are not
// finished, so its size is bounded by how far a destination reads ahead. Pure; not safe for concurrent use.
type progress struct {
	floor uint64                // every pack up to here is finished
	packs []*packState          // read, above the floor, in order
	bySeq map[uint64]*packState // the same
	ahead map[uint64]bitset     // finished events of packs that were not read again since a restart

	counts  map[string]uint64 // events that each subject held up to the floor, lost ones included
	claimed map[uint64]bool   // packs of ahead that are lost
}

// packState is what is known of one pack that was read.
type packState struct {
	seq  uint64
	conn string // the connection its events came by
	left int    // events not finished
	done bitset
	at   time.Time // when the first of its events was accepted

	subject string
	upTo    uint64 // events that the subject held up to and including it
	lost    uint64 // events of the subject right before it, and in it, that are lost
}

func newProgress(floor uint64) *progress {
	return &progress{
		floor: floor, bySeq: map[uint64]*packState{}, ahead: map[uint64]bitset{},
		counts: map[string]uint64{}, claimed: map[uint64]bool{},
	}
}

// read notes that a pack of n events was read and returns which of them are finished already.
// Packs are read in ascending order.
func (p *progress) read(state *packState, n int) bitset {
	state.done = p.ahead[state.seq]
	delete(p.ahead, state.seq)
	state.left = n - state.done.count()
	p.packs = append(p.packs, state)
	p.bySeq[state.seq] = state
	p.advance()
	return state.done
}

// pass notes that a pack was read that holds no events, or none that can be read. What is known of events at its place is known of
// others, which are lost.
func (p *progress) pass(state *packState) {
	p.packs = append(p.packs, state)
	p.bySeq[state.seq] = state
	p.advance()
}

// finish notes that an event is finished. It says false if that was known already.
func (p *progress) finish(pos Position) bool {
	seq, index := pos.Seq(), pos.Index()
	if seq <= p.floor {
		return false
	}
	state := p.bySeq[seq]
	if state == nil {
		done, fresh := p.ahead[seq].with(index)
		p.ahead[seq] = done
		return fresh
	}
	done, fresh := state.done.with(index)
	state.done = done
	if fresh {
		state.left--
		p.advance()
	}
	return fresh
}

// finished says whether an event is known to be finished.
func (p *progress) finished(pos Position) bool {
	if pos.Seq() <= p.floor {
		return true
	}
	if state := p.bySeq[pos.Seq()]; state != nil {
		return state.done.has(pos.Index())
	}
	return p.ahead[pos.Seq()].has(pos.Index())
}

// waiting is the state of the pack that holds an event, if that was read and is not finished, and nil otherwise.
func (p *progress) waiting(pos Position) *packState {
	if state := p.bySeq[pos.Seq()]; state != nil && !state.done.has(pos.Index()) {
		return state
	}
	return nil
}

// advance raises the floor over the packs that are finished.
func (p *progress) advance() {
	n := 0
	for n < len(p.packs) && p.packs[n].left == 0 {
		p.floor = p.packs[n].seq
		p.counts[p.packs[n].subject] = p.packs[n].upTo
		delete(p.bySeq, p.floor)
		p.packs[n] = nil
		n++
	}
	p.packs = p.packs[n:]
	for seq := range p.claimed {
		if seq <= p.floor {
			delete(p.claimed, seq)
			delete(p.ahead, seq)
		}
	}
}

// claim finds events that are finished, so many at most, in packs up to a sequence that are lost: whose turn to be read has passed.
func (p *progress) claim(upTo, most uint64) (finished uint64) {
	for seq, done := range p.ahead {
		if n := uint64(done.count()); seq <= upTo && !p.claimed[seq] && finished+n <= most {
			p.claimed[seq] = true
			finished += n
		}
	}
	return finished
}

// lostAhead is how many lost events were noticed above the floor, by connection: after a restart they are noticed again.
func (p *progress) lostAhead() map[string]uint64 {
	var lost map[string]uint64
	for _, state := range p.packs {
		if state.lost > 0 {
			if lost == nil {
				lost = map[string]uint64{}
			}
			lost[state.conn] += state.lost
		}
	}
	return lost
}

// newest is the last pack of which anything is known.
func (p *progress) newest() uint64 {
	newest := p.floor
	for seq := range p.ahead {
		newest = max(newest, seq)
	}
	if n := len(p.packs); n > 0 {
		newest = max(newest, p.packs[n-1].seq)
	}
	return newest
}

// cutAfter forgets all that was known of packs after a sequence. No pack has been read yet.
func (p *progress) cutAfter(seq uint64) {
	p.floor = min(p.floor, seq)
	maps.DeleteFunc(p.ahead, func(pack uint64, _ bitset) bool { return pack > seq })
}

// oldest is when the first unfinished event that was read was accepted, or the zero time.
func (p *progress) oldest() time.Time {
	if len(p.packs) == 0 {
		return time.Time{}
	}
	return p.packs[0].at
}

// spans lists the finished events above the floor: for each pack, pairs of first and last index.
func (p *progress) spans() map[uint64][]span {
	all := make(map[uint64][]span, len(p.packs)+len(p.ahead))
	for _, state := range p.packs {
		if s := state.done.spans(); s != nil {
			all[state.seq] = s
		}
	}
	for seq, done := range p.ahead {
		all[seq] = done.spans()
	}
	return all
}

// restore is the reverse of spans.
func (p *progress) restore(all map[uint64][]span) {
	for seq, spans := range all {
		p.ahead[seq] = fromSpans(spans)
	}
}
