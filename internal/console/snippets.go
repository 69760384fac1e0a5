package console

import (
	_ "embed"
	"strings"
)

// sdksPage is docs/sdks.md, which a test keeps the same: what is documented for each SDK is what the pages show.
//
//go:embed sdks.md
var sdksPage string

// What stands in the documentation for what each source has.
const (
	docsAddress = "https://tanker.example.com"
	docsKey     = "WRITE_KEY"
)

// snippet is what an app changes to send to this server.
type snippet struct {
	SDK  string // its name
	Code string
}

// snippetsFor are the snippets for an address and a write key.
func snippetsFor(address, key string) []snippet {
	fill := strings.NewReplacer(docsAddress, address, docsKey, key)
	var list []snippet
	sdk, code, inCode := "", []string(nil), false
	for line := range strings.Lines(sdksPage) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case !inCode && strings.HasPrefix(line, "## "):
			sdk, _, _ = strings.Cut(strings.TrimPrefix(line, "## "), ":")
			if name, isHTTP := strings.CutPrefix(line, "## Anything else: "); isHTTP {
				sdk = "Anything else: " + name
			}
			sdk = strings.ReplaceAll(sdk, "`", "")
		case !inCode && strings.HasPrefix(line, "```"):
			inCode, code = true, nil
		case inCode && line == "```":
			inCode = false
			list = append(list, snippet{sdk, fill.Replace(strings.Join(code, "\n"))})
		case inCode:
			code = append(code, line)
		}
	}
	return list
}
