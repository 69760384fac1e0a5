package journal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors of the journal. They are matched with errors.Is.
var (
	// ErrFull says that there is no room for more events: the size limit or the disk's reserve is reached.
	ErrFull = errors.New("journal is full")
	// ErrUnavailable says that the journal cannot write or read at the moment; the operation may be tried again.
	ErrUnavailable = errors.New("journal is unavailable")
	// ErrClosed says that the journal or the cursor was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrLocked says that another process uses the same directory, or works on the cluster.
	ErrLocked = errors.New("journal is in use")
	// ErrFenced says that another process has taken over the destination's cursor.
	ErrFenced = errors.New("cursor was taken over")
	// ErrNameTaken says that another process on the cluster writes under this one's name.
	ErrNameTaken = errors.New("another process writes under this name")
	// ErrNotFound says that there is no such dead letter.
	ErrNotFound = errors.New("not found")
	// ErrExists says that there is something by that name already.
	ErrExists = errors.New("exists already")
	// ErrCorrupt says that stored bytes are not what the journal writes.
	ErrCorrupt = errors.New("journal data is damaged")
)

// NoRoomError says that dead letters found no room; their events are still pending. It is an ErrFull.
type NoRoomError struct {
	Letters map[Position]int64 // what each takes on the disk, in bytes
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("%d dead letters find no room: discard or replay some", len(e.Letters))
}

// Unwrap returns ErrFull.
func (e *NoRoomError) Unwrap() error { return ErrFull }

// writeError names the class of a refused write.
func writeError(what string, err error) error {
	class := ErrUnavailable
	var api *jetstream.APIError
	if errors.As(err, &api) && noRoom(api) {
		class = ErrFull
	}
	return fmt.Errorf("%s: %w: %w", what, class, err)
}

// noRoom tells the server's answers for a full stream or store from its other failures. A full stream is
// answered with the generic store error (10077), which only its text tells apart.
func noRoom(err *jetstream.APIError) bool {
	const storeFailed, insufficientResources, storageExceeded = 10077, 10023, 10047
	switch err.ErrorCode {
	case insufficientResources, storageExceeded:
		return true
	case storeFailed:
		return strings.Contains(err.Description, "maximum")
	}
	return false
}
