package console

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"tanker/internal/admin"
)

// Names of form fields.
const (
	fieldCSRF  = "csrf"
	fieldToken = "token"
	fieldNext  = "next"
)

// maxLogin is how large a request may be whose sender is not known yet.
const maxLogin = 8 << 10

// loginData is what the login page shows.
type loginData struct {
	Next  string // where to go afterwards
	Error string // why the last attempt failed; "" before the first
	Hint  string
	Link  string // of a login link: in the place of the token
}

func (c *Console) loginRoutes() {
	c.mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r, w: w, console: c}
		asked := r.URL.Query()
		v.showLogin(http.StatusOK, loginData{Next: localPath(asked.Get(fieldNext)), Link: asked.Get(admin.LinkParameter)})
	})
	c.mux.HandleFunc("POST /login", c.logIn)
	routes{c}.get("/session", func(v *visit) error { // whether there is one; else the answer is 401
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	})
	routes{c}.post("/logout", func(v *visit) error {
		c.sessions.end(v.session)
		v.audit("log out", nil)
		setCookie(v.w, v.Request, "")
		return v.redirect("/login")
	})
}

func (v *visit) showLogin(status int, data loginData) {
	if err := v.render(status, "login", "layout", v.view("Log in", data)); err != nil {
		http.Error(v.w, "the page cannot be shown", http.StatusInternalServerError)
	}
}

// logIn answers POST /login.
func (c *Console) logIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	v := &visit{Request: r, w: w, console: c}
	if err := c.origins.Check(r); err != nil {
		v.fail(problem{http.StatusForbidden, "the request comes from another site", "open the console's own address, and log in there"})
		return
	}
	next := localPath(r.PostFormValue(fieldNext))
	if err := c.admit(r); err != nil {
		c.log.WarnContext(r.Context(), "audit", "what", "log in", "from", addressOf(r), "result", err.Error())
		v.refuse(err, next)
		return
	}
	id, begun := c.sessions.start()
	v.session = begun
	v.audit("log in", nil)
	setCookie(w, r, id)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

var errLink = errors.New("the login link was used already, or is too old")

// admit returns nil if a login has the right token or link.
func (c *Console) admit(r *http.Request) error {
	if link := r.PostFormValue(admin.LinkParameter); link != "" {
		if !c.options.Access.Redeem(link) {
			return errLink
		}
		return nil
	}
	return c.options.Access.Admit(addressOf(r), strings.TrimSpace(r.PostFormValue(fieldToken)))
}

// refuse shows the login page again, with what is wrong.
func (v *visit) refuse(err error, next string) {
	status, data := http.StatusUnauthorized, loginData{
		Next: next, Error: "This is not the token.", Hint: "Who has lost it gets a new one on the server's machine: tanker token --new",
	}
	if errors.Is(err, errLink) {
		data.Error, data.Hint = "This link opens nothing any more: each opens once, within two minutes.", "For another one, on the server's machine: tanker console"
	}
	if wait, ok := errors.AsType[*admin.WaitError](err); ok {
		status = http.StatusTooManyRequests
		v.w.Header().Set("Retry-After", strconv.Itoa(wait.Seconds()))
		data.Error = fmt.Sprintf("There were too many wrong tokens. The next one is looked at in %d seconds.", wait.Seconds())
	}
	v.showLogin(status, data)
}

// localPath is where to go after the login: a page of the console, and nowhere else.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") || strings.HasPrefix(next, "/login") {
		return "/"
	}
	return next
}

// addressOf is where a request comes from, as far as the connection says: headers could say anything.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
