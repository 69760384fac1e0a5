package refinertest

import (
	"sync"
	"time"
)

const minute = time.Minute

// Limits are the most calls within any 60 seconds. Zero is no limit.
type Limits struct {
	// KeyPerMinute is the limit of each API key.
	KeyPerMinute int `json:"key_per_minute"`

	// UserPerMinute is the limit of each user: of the calls that carry the same id, or if they have
	// none the same email, or the same uuid.
	UserPerMinute int `json:"user_per_minute"`
}

// RefinerLimits are the limits of the real API.
var RefinerLimits = Limits{KeyPerMinute: 4000, UserPerMinute: 100}

// limiter counts the calls of the last minute. A call that is refused does not count.
type limiter struct {
	mu     sync.Mutex
	limits Limits
	keys   windows
	users  windows
}

func (l *limiter) set(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits
}

func (l *limiter) get() Limits {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.limits
}

// take counts a call if both limits allow it. Otherwise it returns which one does not, "key" or
// "user", and when it will.
func (l *limiter) take(key, user string) (time.Duration, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var forKey, forUser *window
	if l.limits.KeyPerMinute > 0 {
		forKey = l.keys.of(key, now)
		if wait := forKey.wait(l.limits.KeyPerMinute, now); wait > 0 {
			return wait, "key"
		}
	}
	if l.limits.UserPerMinute > 0 && user != "" {
		forUser = l.users.of(user, now)
		if wait := forUser.wait(l.limits.UserPerMinute, now); wait > 0 {
			return wait, "user"
		}
	}
	forKey.add(now)
	forUser.add(now)
	return 0, ""
}

// windows are the windows of several keys or users. Those whose calls are all older than a minute are
// dropped when their number has doubled.
type windows struct {
	byName map[string]*window
	sweep  int
}

func (ws *windows) of(name string, now time.Time) *window {
	if w := ws.byName[name]; w != nil {
		return w
	}
	if ws.byName == nil {
		ws.byName = map[string]*window{}
	}
	if len(ws.byName) >= max(ws.sweep, 1024) {
		for other, w := range ws.byName {
			if w.expire(now); len(w.times) == 0 {
				delete(ws.byName, other)
			}
		}
		ws.sweep = 2 * len(ws.byName)
	}
	w := &window{}
	ws.byName[name] = w
	return w
}

// window holds the times of one key's or user's calls within the last minute, oldest first.
type window struct{ times []time.Time }

func (w *window) expire(now time.Time) {
	n := 0
	for n < len(w.times) && now.Sub(w.times[n]) >= minute {
		n++
	}
	w.times = w.times[n:]
}

// wait returns how long it takes until there is room for one more call.
func (w *window) wait(limit int, now time.Time) time.Duration {
	w.expire(now)
	if len(w.times) < limit {
		return 0
	}
	return w.times[len(w.times)-limit].Add(minute).Sub(now)
}

func (w *window) add(now time.Time) {
	if w != nil {
		w.times = append(w.times, now)
	}
}
