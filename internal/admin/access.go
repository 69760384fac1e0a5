package admin

import (
	"crypto/subtle"
	"errors"
	"os"
	"sync"
	"time"

	"tanker/internal/config"
)

// Access decides who may administer a server: who presents the token, or a login link. It knows their hashes only. Its
// methods are safe for concurrent use.
type Access struct {
	attempts attempts
	now      func() time.Time
	path     string // of the file with the hash; "" if the configuration has the token

	mu         sync.Mutex
	hash       tokenHash
	generation uint64
	links      map[tokenHash]time.Time // that were not used yet, and until when they may be
}

// NewAccess lets those in who present the configured token. It must be one that cannot be guessed.
func NewAccess(token config.Secret) *Access {
	return &Access{
		attempts: newAttempts(time.Now), now: time.Now, hash: hashToken(token.Reveal()), links: map[tokenHash]time.Time{},
	}
}

// OpenAccess lets those in who present the token whose hash is in a file. Where there is no file it makes a token and
// returns it, which nobody can find out later; otherwise it returns none. A file of an earlier version, with the token
// itself, is replaced: the token goes on being the right one.
func OpenAccess(path string) (*Access, config.Secret, error) {
	var made config.Secret
	hash, plain, err := readHash(path)
	if errors.Is(err, os.ErrNotExist) {
		made = newToken()
		hash, plain, err = hashToken(made.Reveal()), true, nil
	}
	if err == nil && plain {
		err = writeHash(path, hash)
	}
	if err != nil {
		return nil, config.Secret{}, err
	}
	a := NewAccess(made)
	a.hash, a.path = hash, path
	return a, made, nil
}

// ErrToken says that a token is missing or not the right one.
var ErrToken = errors.New("the token is missing or wrong")

// Admit returns nil if a token is the right one. Errors: ErrToken, and WaitError when too many wrong ones have come from
// the address of late, or some from it and very many from everywhere: then the token is not even looked at. That can keep
// somebody out who has the right one, but only for as long as others go on guessing from the same address, and neither
// from the socket nor with a login link.
func (a *Access) Admit(address, token string) error {
	if token == "" {
		return ErrToken
	}
	if wait := a.attempts.take(address); wait > 0 {
		return &WaitError{wait}
	}
	hash := hashToken(token)
	a.mu.Lock()
	right := subtle.ConstantTimeCompare(hash[:], a.hash[:]) == 1
	a.mu.Unlock()
	if !right {
		return ErrToken
	}
	a.attempts.giveBack(address)
	return nil
}

// Generation grows when the token is replaced.
func (a *Access) Generation() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.generation
}

// ErrConfigured says that the token cannot be replaced because the configuration has it.
var ErrConfigured = errors.New("the token is the configuration's")

// Renew replaces the token and returns the new one, which nobody can find out later. The old one and every session and
// link of it are void then. Error: ErrConfigured.
func (a *Access) Renew() (config.Secret, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.path == "" {
		return config.Secret{}, ErrConfigured
	}
	token := newToken()
	hash := hashToken(token.Reveal())
	if err := writeHash(a.path, hash); err != nil {
		return config.Secret{}, err
	}
	a.hash = hash
	a.generation++
	clear(a.links)
	return token, nil
}

const (
	// linkLife is how long a login link may be used.
	linkLife = 2 * time.Minute
	// maxLinks is how many there may be that were not used.
	maxLinks = 16
)

// ErrLinks says that there are too many login links that nobody has used yet.
var ErrLinks = errors.New("there are too many login links already")

// NewLink makes what opens the console once, and says until when. Error: ErrLinks.
func (a *Access) NewLink() (secret string, until time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	for hash, end := range a.links {
		if !now.Before(end) {
			delete(a.links, hash)
		}
	}
	if len(a.links) >= maxLinks {
		return "", time.Time{}, ErrLinks
	}
	secret, until = newToken().Reveal(), now.Add(linkLife)
	a.links[hashToken(secret)] = until
	return secret, until, nil
}

// Redeem reports whether a login link opens the console. It does so once. It is found by its hash, so the time that this
// takes tells nothing.
func (a *Access) Redeem(link string) bool {
	hash := hashToken(link)
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.links[hash]
	delete(a.links, hash)
	return ok && a.now().Before(until)
}
