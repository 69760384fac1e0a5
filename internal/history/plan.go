package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"tanker/internal/journal"
)

// Target is a destination that past events can be sent to.
type Target struct {
	Name    string
	Mapper  Mapper
	Sources []string // whose events it gets

	// KeyPerMinute and UserPerMinute are the limits of its calls; 0 means no limit.
	KeyPerMinute, UserPerMinute int

	// Hold says why no replayed event should be added at the moment, in words; "" if one may.
	Hold func(ctx context.Context, rate int) string
}

// freeRate is the rate of a replay to a destination without a limit, in events a minute.
const freeRate = 6000

// ErrReplay says that a replay cannot be made as it was asked for.
var ErrReplay = errors.New("this is not possible")

// complete fills in what a request leaves open.
func (t *Target) complete(r *ReplayRequest, last uint64, now time.Time) error {
	if r.Rate < 0 {
		return fmt.Errorf("%w: the rate is less than one event a minute", ErrReplay)
	}
	if r.Rate == 0 {
		r.Rate = freeRate
		if t.KeyPerMinute > 0 {
			r.Rate = max(1, t.KeyPerMinute/2)
		}
	}
	if r.UpTo == 0 {
		r.UpTo = last
	}
	if r.Until.IsZero() {
		r.Until = now
	}
	return nil
}

// Plan is what a replay would do.
type Plan struct {
	ReplayRequest // complete, to be asked for; Total counts the calls

	Calls    map[string]int `json:"calls"`             // by method and path
	Refused  map[string]int `json:"refused,omitempty"` // events of which the mapping makes no call, by outcome and reason
	Samples  []Sample       `json:"samples"`           // up to three calls, of each path one if possible
	Takes    time.Duration  `json:"takes"`             // nanoseconds, as fast as the rate and the limits allow
	Searched int            `json:"searched"`          // events that were looked at
	Oldest   time.Time      `json:"oldest,omitzero"`   // when the first of these was stored

	KeyPerMinute int    `json:"keyPerMinute,omitempty"` // the limit of the destination
	Busiest      string `json:"busiest,omitempty"`      // the user who decides how long it takes, if it is one
	BusiestCalls int    `json:"busiestCalls,omitempty"` // about how many calls are that user's
}

// Sample is one of the calls of a plan.
type Sample struct {
	Position   journal.Position `json:"position"`
	ReceivedAt time.Time        `json:"receivedAt"`
	Mapped
}

// samples is how many calls a plan shows.
const samples = 3

// planner is a plan under way.
type planner struct {
	Plan
	target *Target
	users  frequent
}

// MakePlan says what a replay would do, and changes nothing. progress is told now and then how many events were
// looked at, how many of them would be sent, and how much of the log is done.
func MakePlan(ctx context.Context, log ReplayLog, target *Target, request ReplayRequest, progress func(searched, calls int, share float64) error) (Plan, error) {
	first, last, err := log.Extent(ctx)
	if err != nil {
		return Plan{}, err
	}
	if err := target.complete(&request, last, time.Now().UTC()); err != nil {
		return Plan{}, err
	}
	request.Total = 0
	p := &planner{target: target, Plan: Plan{ReplayRequest: request, Calls: map[string]int{}, Refused: map[string]int{}, KeyPerMinute: target.KeyPerMinute}}
	told := time.Now()
	err = log.Scan(ctx, journal.Scan{Sources: target.Sources, Since: request.Since, UpTo: request.UpTo}, func(pack journal.StoredPack) error {
		if p.over(&pack) {
			return journal.ErrStop
		}
		p.pack(&pack)
		if time.Since(told) < progressEvery {
			return nil
		}
		told = time.Now()
		return progress(p.Searched, p.Total, float64(pack.Seq-first+1)/float64(max(request.UpTo, pack.Seq)-first+1))
	})
	p.estimate()
	return p.Plan, err
}

// progressEvery is how often whoever waits is told how far it is.
const progressEvery = 500 * time.Millisecond

func (p *planner) pack(pack *journal.StoredPack) {
	if p.Oldest.IsZero() {
		p.Oldest = pack.Stored
	}
	for i := range pack.Entries {
		e := &pack.Entries[i]
		p.Searched++
		if !p.selects(e, e.ReceivedAt) {
			continue
		}
		mapped := Map(p.target.Mapper, e)
		if !mapped.Callable() {
			p.Refused[string(mapped.Kind)+": "+mapped.Reason]++
			continue
		}
		p.Total++
		path := mapped.Method + " " + mapped.Path
		p.Calls[path]++
		p.users.add(mapped.User)
		p.sample(Sample{e.Position, e.ReceivedAt, mapped}, p.Calls[path] == 1)
	}
}

// sample keeps a call if there is room, or if it is the first of its path and another path has two.
func (p *planner) sample(s Sample, first bool) {
	s.Body = append([]byte(nil), s.Body...)
	if len(p.Samples) < samples {
		p.Samples = append(p.Samples, s)
		return
	}
	if !first {
		return
	}
	for i := samples - 1; i > 0; i-- {
		for _, earlier := range p.Samples[:i] {
			if earlier.Path == p.Samples[i].Path {
				p.Samples = append(append(p.Samples[:i:i], p.Samples[i+1:]...), s)
				return
			}
		}
	}
}

// estimate says how long it takes: as the rate has it, as the key's limit has it, or as the limit of the user with
// the most calls has it.
func (p *planner) estimate() {
	rate := p.Rate
	if limit := p.target.KeyPerMinute; limit > 0 {
		rate = min(rate, limit)
	}
	p.Takes = time.Duration(p.Total) * time.Minute / time.Duration(rate)
	user, n := p.users.most()
	if limit := p.target.UserPerMinute; limit > 0 {
		// The first minute's calls go at once.
		if alone := time.Duration(max(0, n-limit)) * time.Minute / time.Duration(limit); alone > p.Takes {
			p.Takes, p.Busiest, p.BusiestCalls = alone, user, n
		}
	}
}

// frequent finds the user who occurs most often, in bounded memory: exactly as long as there are not too many users,
// and else if that user has more than a small part of all.
type frequent struct{ counts map[string]int }

const mostUsers = 20_000

func (f *frequent) add(user string) {
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	if _, known := f.counts[user]; known || len(f.counts) < mostUsers {
		f.counts[user]++
		return
	}
	for user := range f.counts { // each is as likely to have been counted in the place of the new one
		if f.counts[user]--; f.counts[user] == 0 {
			delete(f.counts, user)
		}
	}
}

func (f *frequent) most() (user string, n int) {
	for u := range maps.Keys(f.counts) {
		if c := cmp.Compare(f.counts[u], n); c > 0 || c == 0 && u < user {
			user, n = u, f.counts[u]
		}
	}
	return user, n
}
