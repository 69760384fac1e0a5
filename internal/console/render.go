package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

// parsePages reads the templates. Each page is layout.html, and what is in parts.html, with a "content" of its own, and may
// define a "head".
func (c *Console) parsePages() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(c.functions()).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(pageFiles, file)
		}
		if err != nil {
			return nil, err
		}
		pages[name] = page
	}
	return pages, nil
}

// view is what templates see.
type view struct {
	Title   string
	Nav     []navItem // empty for those who are not logged in
	Path    string    // of the request, to mark where one is
	CSRF    string    // goes into each form as the field csrf
	Flash   string    // what has just been done; "" if nothing
	Version string
	Again   bool // the page is to be loaded again in a moment
	Data    any  // the page's own
}

// Headers are what scripts of the page send along with what they ask for.
func (v view) Headers() string {
	headers, _ := json.Marshal(map[string]string{"X-CSRF-Token": v.CSRF})
	return string(headers)
}

// With is the same with other data, for templates that are used within others.
func (v view) With(data any) view {
	v.Data = data
	return v
}

// Current reports whether a page of the navigation is shown.
func (v view) Current(item navItem) bool {
	if item.Path == "/" {
		return v.Path == "/"
	}
	return v.Path == item.Path || strings.HasPrefix(v.Path, item.Path+"/")
}

// show answers with a page: the name of its file in pages/, without .html.
func (v *visit) show(name, title string, data any) error {
	return v.render(http.StatusOK, name, "layout", v.view(title, data))
}

// part answers with a part of a page: a template that its file defines. It sees what the page sees.
func (v *visit) part(name, part string, data any) error {
	return v.render(http.StatusOK, name, part, v.view("", data))
}

// view is what a template sees in this visit.
func (v *visit) view(title string, data any) view {
	seen := view{Title: title, Path: v.URL.Path, Version: v.console.options.Version, Data: data}
	if v.session != nil {
		seen.Nav, seen.CSRF = v.console.nav, v.session.csrf
		if title != "" {
			seen.Flash = v.session.takeFlash()
		}
	}
	return seen
}

func (v *visit) render(status int, name, part string, seen view) error {
	text, err := v.console.execute(name, part, seen)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(text) // the only error is a caller who has gone
	return nil
}

// execute makes the text first, so that a template that fails shows no half a page.
func (c *Console) execute(name, part string, seen view) ([]byte, error) {
	var text bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&text, part, seen); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// fail answers with what is wrong and what to do about it.
func (v *visit) fail(err error) {
	p := explain(err)
	if p.status >= http.StatusInternalServerError && p != errNoBackend {
		v.console.log.ErrorContext(v.Context(), "a page of the console failed", "path", v.URL.Path, "error", err)
	}
	seen := v.view("Something is wrong", struct{ Message, Hint string }{p.message, p.hint})
	seen.Again = p == errNoBackend && v.Method == http.MethodGet
	part := "layout"
	if v.isPart() {
		part = "content"
	}
	if err := v.render(p.status, "problem", part, seen); err != nil {
		http.Error(v.w, p.message, p.status)
	}
}
