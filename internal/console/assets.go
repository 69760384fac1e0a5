package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files that pages load. Each is served under a name that says what is in it, so that browsers may keep it
// for good and never show an old one.
type assets struct {
	paths map[string]string // by name: where it is served
	files map[string]asset  // by where it is served
}

type asset struct {
	content []byte
	kind    string // its Content-Type
}

const assetPrefix = "/assets/"

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func newAssets() (*assets, error) {
	a := &assets{paths: map[string]string{}, files: map[string]asset{}}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		content, err := fs.ReadFile(assetFiles, path.Join("assets", name))
		if err != nil {
			return nil, err
		}
		extension := path.Ext(name)
		kind, ok := assetKinds[extension]
		if !ok {
			return nil, fmt.Errorf("asset %s is of no known kind", name)
		}
		sum := sha256.Sum256(content)
		at := assetPrefix + strings.TrimSuffix(name, extension) + "." + hex.EncodeToString(sum[:6]) + extension
		a.paths[name], a.files[at] = at, asset{content, kind}
	}
	return a, nil
}

// path is where an asset is served. Templates call it, so a wrong name is an error of the template.
func (a *assets) path(name string) (string, error) {
	at, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return at, nil
}

// ServeHTTP answers without asking who is there: the login page needs its style, and nothing here is secret.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(file.content) // the only error is a caller who has gone
}
