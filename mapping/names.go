package mapping

import (
	"bytes"
	"encoding/json"
)

// quoted is s as a JSON string.
func quoted(s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return []byte(`""`) // a string can always be encoded
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decoded is the text of a JSON string. As a rule that is the string itself without its quotes.
func decoded(name []byte) []byte {
	inner := name[1 : len(name)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	if err := json.Unmarshal(name, &text); err != nil {
		return inner // not a JSON string: the parser lets none through
	}
	return []byte(text)
}

// sameName reports whether two JSON strings say the same, however they are written.
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	return bytes.Equal(decoded(a), decoded(b))
}
