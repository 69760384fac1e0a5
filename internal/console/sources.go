package console

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tanker/internal/config"
	"tanker/internal/journal"
)

// sourcesBackend is what the pages about sources show.
type sourcesBackend interface {
	// Sources are the sources as they are set up.
	Sources() []SourceSetup
	// SourceEnd says how many events a source has sent.
	SourceEnd(ctx context.Context, source string) (journal.SourceEnd, error)
	// WriteKey is the write key of a source. Error: journal.ErrNotFound.
	WriteKey(source string) (config.Secret, error)
	// GatewayAddress is the URL that SDKs send to, as seen from this machine; "" while there is none.
	GatewayAddress() string
}

// SourceSetup is a source as it is set up. There is no key in it.
type SourceSetup struct {
	Name         string
	Title        string // what people call it; "" if nobody said
	Enabled      bool
	KeyPlace     string // where its write key comes from, in words
	Destinations []string
}

func sourcesPage() page {
	return page{
		nav: []navItem{{"/sources", "Sources"}},
		routes: func(r routes) {
			r.get("/sources", showSources)
			r.get("/sources/{source}", showSource)
			r.post("/sources/{source}", revealSource)
			r.stream("/sources/{source}/stream", streamSource)
		},
	}
}

// sourceDetails is a source on a page.
type sourceDetails struct {
	SourceSetup

	End journal.SourceEnd

	// On the page of one source:
	Address  string // that apps send to
	Key      string // its write key; "" unless somebody has asked for it
	Snippets []snippet
}

func showSources(v *visit) error {
	var list []sourceDetails
	for _, setup := range v.backend.Sources() {
		end, err := v.backend.SourceEnd(v.Context(), setup.Name)
		if err != nil {
			return err
		}
		list = append(list, sourceDetails{SourceSetup: setup, End: end})
	}
	return v.show("sources", "Sources", list)
}

func showSource(v *visit) error {
	source, err := v.source(v.URL.Query().Get("address"))
	if err != nil {
		return err
	}
	source.Snippets = snippetsFor(source.Address, docsKey)
	return v.show("source", "Source "+source.Name, source)
}

// revealSource shows the page with the write key in it. It is a POST so that it is asked for, and written down who did.
func revealSource(v *visit) error {
	source, err := v.source(v.PostForm.Get("address"))
	if err != nil {
		return err
	}
	key, err := v.backend.WriteKey(source.Name)
	v.audit("show write key", err, "source", source.Name)
	if err != nil {
		return err
	}
	source.Key = key.Reveal()
	source.Snippets = snippetsFor(source.Address, source.Key)
	return v.show("source", "Source "+source.Name, source)
}

// source is the source that the path names, with the address that apps are to send to; "" is the one that is likely.
func (v *visit) source(address string) (sourceDetails, error) {
	list := v.backend.Sources()
	i := slices.IndexFunc(list, func(s SourceSetup) bool { return s.Name == v.PathValue("source") })
	if i < 0 {
		return sourceDetails{}, problem{http.StatusNotFound, "there is no such source", "the page of sources shows those that there are"}
	}
	end, err := v.backend.SourceEnd(v.Context(), list[i].Name)
	if err != nil {
		return sourceDetails{}, err
	}
	source := sourceDetails{SourceSetup: list[i], End: end, Address: v.gatewayAddress()}
	if address = strings.TrimRight(strings.TrimSpace(address), "/"); address != "" {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || len(address) > 300 {
			return source, problem{http.StatusBadRequest, "that is no address that apps could send to", "write it like https://tanker.example.com"}
		}
		source.Address = u.String()
	}
	return source, nil
}

// gatewayAddress is where apps are likely to reach the gateway: at the name by which the browser knows this machine.
func (v *visit) gatewayAddress() string {
	u, err := url.Parse(v.backend.GatewayAddress())
	if err != nil || u.Host == "" {
		return docsAddress
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return u.String() // it listens there and nowhere else
	}
	host, _, err := net.SplitHostPort(v.Host)
	if err != nil {
		host = strings.Trim(v.Host, "[]")
	}
	if host == "" {
		return u.String()
	}
	u.Host = net.JoinHostPort(host, u.Port())
	return u.String()
}

// sourceEvery is how often an open page looks whether the source has sent something.
const sourceEvery = 500 * time.Millisecond

// streamSource tells of the source's first event, and of those behind it.
func streamSource(v *visit, s *Stream) error {
	tick := time.NewTicker(sourceEvery)
	defer tick.Stop()
	var sent []byte
	for s.Wait(tick.C) {
		backend := s.Backend()
		if backend == nil {
			continue
		}
		end, err := backend.SourceEnd(s.Context(), v.PathValue("source"))
		if err != nil {
			return err
		}
		text, err := v.console.execute("source", "seen", v.view("", sourceDetails{End: end}))
		if err != nil {
			return err
		}
		if bytes.Equal(text, sent) {
			continue
		}
		if sent = text; s.Send("seen", text) != nil {
			return nil
		}
	}
	return nil
}
