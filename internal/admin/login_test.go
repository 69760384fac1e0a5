package admin_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tanker/internal/admin"
	"tanker/internal/config"
)

// startWithToken serves an API that made its token, and its socket.
func startWithToken(t *testing.T) (access *admin.Access, byToken, bySocket *admin.Client, log *strings.Builder) {
	t.Helper()
	dir := t.TempDir()
	access, made, err := admin.OpenAccess(admin.TokenPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	log = &strings.Builder{}
	h := admin.NewHandler(admin.Options{
		Access: access, URL: "http://127.0.0.1:8081", Metrics: http.NotFoundHandler(), Logger: textLogger(log),
	})
	h.SetBackend(&fake{})
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	listener, err := admin.ListenSocket(admin.SocketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	local := httptest.NewUnstartedServer(h.Trusted())
	local.Listener.Close()
	local.Listener = listener
	local.Start()
	t.Cleanup(local.Close)
	if bySocket, err = admin.NewSocketClient(dir); err != nil {
		t.Fatal(err)
	}
	return access, admin.NewClient(web.URL, made), bySocket, log
}

func TestLoginLink(t *testing.T) {
	access, byToken, bySocket, log := startWithToken(t)
	for name, client := range map[string]*admin.Client{"token": byToken, "socket": bySocket} {
		link, err := client.LoginLink(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at, err := url.Parse(link.URL)
		if err != nil || at.Host != "127.0.0.1:8081" || at.Path != "/login" || !access.Redeem(at.Query().Get(admin.LinkParameter)) {
			t.Errorf("%s: %s does not open the console, %v", name, link.URL, err)
		}
		if strings.Contains(log.String(), at.Query().Get(admin.LinkParameter)) {
			t.Errorf("%s: the log has the link", name)
		}
	}
	if !strings.Contains(log.String(), `msg=audit what="POST /api/v1/login-links" from=socket status=201`) {
		t.Errorf("log: %s", log)
	}
}

func TestRenewToken(t *testing.T) {
	_, byToken, bySocket, _ := startWithToken(t)
	token, err := bySocket.RenewToken(t.Context())
	if err != nil || token.IsZero() {
		t.Fatal(err)
	}
	var refused *admin.RefusedError
	if _, err := byToken.Status(t.Context()); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		t.Errorf("the old token: %v", err)
	}
	if _, err := bySocket.Status(t.Context()); err != nil {
		t.Errorf("by the socket: %v", err)
	}

	configured := admin.NewHandler(admin.Options{Access: admin.NewAccess(config.NewSecret(token.Reveal())), Metrics: http.NotFoundHandler()})
	web := httptest.NewServer(configured)
	defer web.Close()
	if _, err := admin.NewClient(web.URL, token).RenewToken(t.Context()); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("a configured token: %v", err)
	}
}

func TestSocketIsTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	path := admin.SocketPath(dir)
	listener, err := admin.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := admin.ListenSocket(filepath.Join(dir, strings.Repeat("x", 100))); err == nil {
		t.Error("a path that is too long")
	}
}

// TestWrongTokensOfTheAPI are bounded as those of the login page are.
func TestWrongTokensOfTheAPI(t *testing.T) {
	_, _, server := start(t)
	client := admin.NewClient(server.URL, config.NewSecret("wrong"))
	var refused *admin.RefusedError
	for range 50 {
		if _, err := client.Status(t.Context()); !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
	if refused.Status != http.StatusTooManyRequests {
		t.Errorf("%d %s", refused.Status, refused)
	}
}

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
