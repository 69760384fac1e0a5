package refinertest

import (
	"slices"
	"strings"
	"unicode"
)

// maxTraitDepth is how deep nested objects become traits of their own; what is nested deeper stays as
// it is (assumed).
const maxTraitDepth = 32

// trait is an attribute to set, or to clear if its value is nil.
type trait struct {
	name  string
	value any
}

// traitsOf turns parameters into attributes under the names that Refiner gives them: a nested object
// address: {city} becomes address_city, userId becomes user_id. Lists stay lists (assumed). An empty
// value clears. Of two names that become the same one, the later in byte order counts (assumed).
func traitsOf(params map[string]any, skip ...string) []trait {
	var traits []trait
	for _, name := range sortedNames(params) {
		if !slices.Contains(skip, name) {
			traits = appendTraits(traits, snake(name), params[name], 1)
		}
	}
	return traits
}

func appendTraits(traits []trait, name string, value any, depth int) []trait {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 0 {
			return append(traits, trait{name: name})
		}
		if depth >= maxTraitDepth {
			break
		}
		for _, inner := range sortedNames(v) {
			traits = appendTraits(traits, name+"_"+snake(inner), v[inner], depth+1)
		}
		return traits
	case []any:
		if len(v) == 0 {
			value = nil
		}
	case string:
		if v == "" {
			value = nil
		}
	}
	return append(traits, trait{name, value})
}

func sortedNames(params map[string]any) []string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// snake writes a name in snake case: userId, User ID and user-id are user_id, HTTPCode is http_code
// (assumed, but for names like userId).
func snake(name string) string {
	if isSnake(name) {
		return name
	}
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && wordBegins(runes, i) {
				separate(&b)
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			b.WriteRune(r)
		default:
			separate(&b)
		}
	}
	return b.String()
}

// wordBegins reports whether the capital at i is the first of a word: after a small letter or a digit,
// or as the last of several capitals before a small letter.
func wordBegins(runes []rune, i int) bool {
	if unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) {
		return true
	}
	return i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1])
}

func separate(b *strings.Builder) {
	if s := b.String(); s != "" && s[len(s)-1] != '_' {
		b.WriteByte('_')
	}
}

func isSnake(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
