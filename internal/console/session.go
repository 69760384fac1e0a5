package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// sessionIdle is how long a session lasts without a request. What a page asks for by itself does not count: nobody may
	// be looking.
	sessionIdle = 12 * time.Hour
	// sessionAge is how long it lasts in any case.
	sessionAge = 7 * 24 * time.Hour
	// maxSessions is how many there may be; one more ends the one that was used least recently.
	maxSessions = 64
)

// sessions are the browsers that are logged in. They live in memory: a restart ends them.
type sessions struct {
	generation func() uint64 // of the token
	now        func() time.Time

	mu   sync.Mutex
	byID map[[sha256.Size]byte]*session // by the hash of what the cookie holds
}

// session is a browser that is logged in.
type session struct {
	name       string // for the log; opens nothing
	csrf       string
	generation uint64
	created    time.Time
	ended      chan struct{} // closed when the session is removed

	mu       sync.Mutex
	lastSeen time.Time
	flash    string
}

func newSessions(generation func() uint64, now func() time.Time) *sessions {
	return &sessions{generation: generation, now: now, byID: map[[sha256.Size]byte]*session{}}
}

// start begins a session and returns what its cookie holds.
func (s *sessions) start() (string, *session) {
	id, now := rand.Text(), s.now()
	begun := &session{
		name: rand.Text()[:8], csrf: rand.Text(), generation: s.generation(), created: now, lastSeen: now,
		ended: make(chan struct{}),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom()
	s.byID[sha256.Sum256([]byte(id))] = begun
	return id, begun
}

// makeRoom removes what is over, and the least recently used session if there are too many.
func (s *sessions) makeRoom() {
	var oldest [sha256.Size]byte
	var oldestSeen time.Time
	for id, each := range s.byID {
		if !s.alive(each) {
			s.remove(id)
			continue
		}
		if seen := each.seen(); oldestSeen.IsZero() || seen.Before(oldestSeen) {
			oldest, oldestSeen = id, seen
		}
	}
	if len(s.byID) >= maxSessions {
		s.remove(oldest)
	}
}

// find returns the session that a request belongs to, or nil.
func (s *sessions) find(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	id := sha256.Sum256([]byte(cookie.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil {
		return nil
	}
	if !s.alive(found) {
		s.remove(id)
		return nil
	}
	if !byItself(r) {
		found.touch(s.now())
	}
	return found
}

// end ends a session.
func (s *sessions) end(over *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, each := range s.byID {
		if each == over {
			s.remove(id)
		}
	}
}

func (s *sessions) remove(id [sha256.Size]byte) {
	close(s.byID[id].ended)
	delete(s.byID, id)
}

// alive reports whether a session still opens anything.
func (s *sessions) alive(each *session) bool {
	now := s.now()
	return each.generation == s.generation() && now.Sub(each.created) < sessionAge && now.Sub(each.seen()) < sessionIdle
}

// still reports whether a session is alive; if it is not, it is removed.
func (s *sessions) still(each *session) bool {
	s.mu.Lock()
	alive := s.alive(each)
	s.mu.Unlock()
	if !alive {
		s.end(each)
	}
	return alive
}

func (s *session) seen() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSeen
}

func (s *session) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSeen = now
}

func (s *session) setFlash(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flash = text
}

func (s *session) takeFlash() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.flash
	s.flash = ""
	return text
}

// byItself reports whether a page may have asked without anybody doing anything: for a stream, or for a part of itself.
func byItself(r *http.Request) bool {
	return isStream(r) || r.Method == http.MethodGet && r.Header.Get("Hx-Request") != ""
}

// cookieName tells servers on several ports of one machine apart, since cookies do not.
func cookieName(r *http.Request) string {
	const name = "tanker_session"
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil || strings.Trim(port, "0123456789") != "" {
		return name
	}
	return name + "_" + port
}

// setCookie hands a session's id to the browser; an empty one takes it away.
func setCookie(w http.ResponseWriter, r *http.Request, id string) {
	cookie := &http.Cookie{
		Name: cookieName(r), Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https", // a proxy in front may speak TLS
	}
	if id == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
}

// sameText compares in a time that does not tell how much of the two is equal.
func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
