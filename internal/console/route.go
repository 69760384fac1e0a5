package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"tanker/internal/journal"
)

// routes adds what a page answers. All of it is for those who are logged in only.
type routes struct{ console *Console }

// get adds something to look at. The pattern is a path, as http.ServeMux has it.
func (r routes) get(path string, serve func(*visit) error) {
	r.handle(http.MethodGet+" "+path, maxQuery, serve)
}

// post adds a change. It is refused when it does not come from one of the session's own pages. The form is read and may
// be up to 16 MiB, an event of the largest size in a form.
func (r routes) post(path string, serve func(*visit) error) {
	r.handle(http.MethodPost+" "+path, maxForm, func(v *visit) error {
		if err := v.checkForm(); err != nil {
			return err
		}
		return serve(v)
	})
}

// stream adds a stream of server-sent events. It ends when serve returns, the session ends or the server stops.
func (r routes) stream(path string, serve func(*visit, *Stream) error) {
	r.handle(http.MethodGet+" "+path, maxQuery, func(v *visit) error { return v.stream(serve) })
}

// How large requests may be.
const (
	maxQuery = 64 << 10
	maxForm  = 16 << 20
)

func (r routes) handle(pattern string, room int64, serve func(*visit) error) {
	r.console.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
		req.Body = http.MaxBytesReader(w, req.Body, room)
		v := &visit{Request: req, w: w, console: r.console}
		v.session = r.console.sessions.find(req)
		if v.session == nil {
			v.askToLogIn()
			return
		}
		backend := r.console.backend.Load()
		if backend == nil {
			v.fail(errNoBackend)
			return
		}
		v.backend = *backend
		if err := serve(v); err != nil {
			v.fail(err)
		}
	})
}

// visit is a request of somebody who is logged in.
type visit struct {
	*http.Request

	w       http.ResponseWriter
	console *Console
	backend Backend
	session *session
}

// isPart reports whether a script of the page asks for a part of it, and not the browser for all of it.
func (v *visit) isPart() bool { return v.Header.Get("Hx-Request") == "true" }

// askToLogIn sends the browser to the login page, and afterwards back to where it wanted to go.
func (v *visit) askToLogIn() {
	next := v.URL.RequestURI()
	if v.Method != http.MethodGet || v.isPart() {
		next = "/"
	}
	login := "/login?" + url.Values{"next": {next}}.Encode()
	switch {
	case v.isPart():
		v.w.Header().Set("Hx-Redirect", login)
		v.w.WriteHeader(http.StatusUnauthorized)
	case isStream(v.Request):
		v.w.WriteHeader(http.StatusUnauthorized)
	case v.Method == http.MethodGet:
		http.Redirect(v.w, v.Request, login, http.StatusSeeOther)
	default:
		v.fail(errLoggedOut)
	}
}

// redirect sends the browser to another page after a change, where it shows the flash message if there is one.
func (v *visit) redirect(to string) error {
	if v.isPart() {
		v.w.Header().Set("Hx-Redirect", to)
		return nil
	}
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	return nil
}

// flash keeps a message for the next page that the session shows.
func (v *visit) flash(text string) { v.session.setFlash(text) }

// checkForm refuses a change that another site, or an old page, asks for.
func (v *visit) checkForm() error {
	if err := v.console.origins.Check(v.Request); err != nil {
		return errForeign
	}
	if err := v.ParseForm(); err != nil {
		return problem{http.StatusBadRequest, "the form cannot be read: " + err.Error(), "try again with less text"}
	}
	token := v.Header.Get("X-Csrf-Token")
	if token == "" {
		token = v.PostForm.Get(fieldCSRF)
	}
	if !sameText(token, v.session.csrf) {
		return errForeign
	}
	return nil
}

// audit logs a change, or one that failed, with who asked for it. args are pairs as slog has them; they must not hold
// the content of events.
func (v *visit) audit(what string, err error, args ...any) {
	result := "done"
	if err != nil {
		result = err.Error()
	}
	args = append([]any{"what", what, "session", v.session.name, "from", addressOf(v.Request), "result", result}, args...)
	v.console.log.InfoContext(v.Context(), "audit", args...)
}

// problem is an error that says for itself what is wrong and what to do.
type problem struct {
	status  int
	message string
	hint    string
}

func (p problem) Error() string { return p.message }

var (
	errNoPage    = problem{http.StatusNotFound, "there is no such page", "choose one above"}
	errNoBackend = problem{http.StatusServiceUnavailable, "the server is starting or stopping", "this page looks again by itself in a moment"}
	errForeign   = problem{http.StatusForbidden, "the request does not come from this session's own pages, so nothing was changed", "go back, load the page again and repeat what you did"}
	errLoggedOut = problem{http.StatusUnauthorized, "you are not logged in any more, so nothing was changed", "log in, and repeat what you did"}
)

// explain makes a problem of any error.
func explain(err error) problem {
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return problem{http.StatusNotFound, err.Error(), "it may be gone since the page was made: go back and load it again"}
	case errors.Is(err, journal.ErrFull), errors.Is(err, journal.ErrUnavailable), errors.Is(err, journal.ErrClosed):
		return problem{http.StatusServiceUnavailable, err.Error(), "try again in a moment; if it lasts, look at the disk and at the log"}
	case errors.Is(err, context.DeadlineExceeded):
		return problem{http.StatusServiceUnavailable, "it took too long", "try again, or ask for less"}
	}
	return problem{http.StatusInternalServerError, err.Error(), "the log may say more"}
}
