package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"tanker/internal/config"
)

// Access decides who may administer a server: who presents the token. It keeps the token's hash only. Its methods are safe
// for concurrent use.
type Access struct {
	attempts attempts

	mu         sync.Mutex
	hash       [sha256.Size]byte
	generation uint64
}

// NewAccess lets those in who present a token. It must be one that cannot be guessed.
func NewAccess(token config.Secret) *Access {
	return &Access{hash: sha256.Sum256([]byte(token.Reveal())), attempts: newAttempts(time.Now)}
}

// ErrToken says that a token is missing or not the right one.
var ErrToken = errors.New("the token is missing or wrong")

// Admit returns nil if a token is the right one. Errors: ErrToken, and WaitError when too many wrong ones have come from
// the address, or from everywhere, of late: then the token is not even looked at. That can keep somebody out who has the
// right one, but only for as long as others go on guessing from the same address, and never from the socket.
func (a *Access) Admit(address, token string) error {
	if wait := a.attempts.take(address); wait > 0 {
		return &WaitError{wait}
	}
	hash := sha256.Sum256([]byte(token))
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
