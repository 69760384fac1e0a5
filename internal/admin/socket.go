package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// socketFile is the socket in the data directory that leads to the admin API.
const socketFile = "admin.sock"

// SocketPath is where a server can be reached without a token by those who may read its data directory.
func SocketPath(dataDir string) string { return filepath.Join(dataDir, socketFile) }

// maxSocketPath is how long the path of a socket may be on the systems that allow least.
const maxSocketPath = 103

// checkSocketPath says why there can be no socket at a path.
func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("the path %s is too long for a socket: it has %d bytes, %d are possible", path, len(path), maxSocketPath)
	}
	return nil
}

// ListenSocket opens the socket for the user of this process alone, in the place of one that a process left behind. The
// caller must be the only server of that directory.
func ListenSocket(path string) (net.Listener, error) {
	if err := checkSocketPath(path); err != nil {
		return nil, err
	}
	// It is made where nobody else can look, and moved when it has its mode: in between others could connect.
	private := filepath.Join(filepath.Dir(path), ".s")
	if err := os.RemoveAll(private); err != nil {
		return nil, err
	}
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	unmoved := filepath.Join(private, "s")
	listener, err := net.Listen("unix", unmoved)
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(unmoved, 0o600), os.Rename(unmoved, path)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &socket{listener, path}, nil
}

// socket is a listener that takes its file along when it is closed.
type socket struct {
	net.Listener

	path string
}

// Close stops listening and removes the file.
func (s *socket) Close() error { return errors.Join(os.Remove(s.path), s.Listener.Close()) }

type trustedKey struct{}

// Trusted answers like the handler, without a token: for the socket, which only those can reach who could read the token's
// file and everything else.
func (h *Handler) Trusted() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.serve(w, r.WithContext(context.WithValue(r.Context(), trustedKey{}, true)))
	})
}

// trusted reports whether a request came by the socket.
func trusted(r *http.Request) bool { return r.Context().Value(trustedKey{}) != nil }
