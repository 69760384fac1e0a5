package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"time"

	"tanker/internal/tankertest"
)

// overview fills the journal, starts the server again and opens the console: the first time after the start, again and
// again, and again and again while the backlog is drained.
func overview(ctx context.Context, b *bench) (string, error) {
	const events = 1_000_000
	r, err := startRefiner()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.stop(ctx) }() // what was measured stands
	p, err := b.start(ctx, r.url, unlimited)
	if err != nil {
		return "", err
	}
	l := loadFor(p)
	l.batch, l.events = 20, events
	if _, err := l.run(ctx); err != nil {
		return "", err
	}
	if err := p.Stop(); err != nil {
		return "", err
	}
	if err := p.Start(ctx); err != nil {
		return "", err
	}
	first, busy, err := views(ctx, p, 100)
	if err != nil {
		return "", err
	}
	pending, err := p.Destination(ctx)
	if err != nil {
		return "", err
	}
	if err := tankertest.Await(ctx, func() (bool, error) {
		d, err := p.Destination(ctx)
		return err == nil && d.Pending == 0, err
	}); err != nil {
		return "", err
	}
	_, quiet, err := views(ctx, p, 100)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("first after the start %s; while %d wait and are delivered p50 %s, p99 %s; afterwards p50 %s, p99 %s",
		short(first), pending.Pending, short(busy[50]), short(busy[98]), short(quiet[50]), short(quiet[98]))
	return text, p.Stop()
}

// views logs in and opens the overview so many times. It returns how long the first took, and all, sorted.
func views(ctx context.Context, p *tankertest.Process, times int) (first time.Duration, all []time.Duration, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 0, nil, err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	form := strings.NewReader(url.Values{"token": {tankertest.AdminToken}}.Encode())
	if _, err := page(ctx, browser, http.MethodPost, "http://"+p.Admin+"/login", form); err != nil {
		return 0, nil, err
	}
	for range times {
		begin := time.Now()
		text, err := page(ctx, browser, http.MethodGet, "http://"+p.Admin+"/", nil)
		if err != nil {
			return 0, nil, err
		}
		if !strings.Contains(text, ">delivered<") {
			return 0, nil, fmt.Errorf("this is not the overview: %s", text)
		}
		all = append(all, time.Since(begin))
	}
	first = all[0]
	slices.Sort(all)
	return first, all, nil
}

func page(ctx context.Context, browser *http.Client, method, at string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s: %s", at, resp.Status, text)
	}
	return string(text), err
}
