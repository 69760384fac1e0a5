package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"tanker/internal/config"
)

// LoginLink opens the console once, without a token.
type LoginLink struct {
	URL   string    `json:"url"`
	Until time.Time `json:"until"` // when it opens nothing any more
}

// LinkParameter is the parameter of a login link that holds its secret.
const LinkParameter = "link"

// newLink answers POST /api/v1/login-links.
func (h *Handler) newLink(w http.ResponseWriter, _ *http.Request) {
	secret, until, err := h.options.Access.NewLink()
	if err != nil {
		writeError(w, http.StatusTooManyRequests, err.Error(), "use one of them, or wait two minutes")
		return
	}
	at := h.options.URL + "/login?" + url.Values{LinkParameter: {secret}}.Encode()
	writeJSON(w, http.StatusCreated, LoginLink{at, until.UTC()})
}

// tokenAnswer is the answer of POST /api/v1/token.
type tokenAnswer struct {
	Token string `json:"token"`
}

// renewToken answers POST /api/v1/token.
func (h *Handler) renewToken(w http.ResponseWriter, _ *http.Request) {
	token, err := h.options.Access.Renew()
	switch {
	case errors.Is(err, ErrConfigured):
		writeError(w, http.StatusConflict, err.Error(), "change TANKER_ADMIN_TOKEN, or what admin.token_env or admin.token_file name, and restart the server")
	case err != nil:
		writeFailure(w, err)
	default:
		writeJSON(w, http.StatusOK, tokenAnswer{token.Reveal()})
	}
}

// LoginLink asks for a link that opens the console once.
func (c *Client) LoginLink(ctx context.Context) (LoginLink, error) {
	var link LoginLink
	return link, c.do(ctx, http.MethodPost, "/api/v1/login-links", &link)
}

// RenewToken has the server replace its token, and returns the new one.
func (c *Client) RenewToken(ctx context.Context) (config.Secret, error) {
	var answer tokenAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/token", &answer)
	return config.NewSecret(answer.Token), err
}
