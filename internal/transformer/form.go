package transformer

import (
	"tanker/event"
	"tanker/mapping"
)

// appendForm writes an object as rudder-transformer writes a form: an object within it as JSON, a list in brackets
// with its texts bare. Names stay as they are.
func appendForm(out []byte, object event.Value) ([]byte, error) {
	e, err := event.Parse(mapping.AppendJavaScriptJSON(nil, object), event.Limits{MaxDepth: maxDepth, MaxKeys: maxKeys})
	if err != nil {
		return nil, err
	}
	var text []byte
	for name, value := range e.Get().Members() {
		if len(out) > 0 {
			out = append(out, '&')
		}
		out = append(appendEscaped(out, name), '=')
		text = appendFieldText(text[:0], value)
		out = appendEscaped(out, text)
	}
	return out, nil
}

// appendFieldText writes a value as text.
func appendFieldText(out []byte, v event.Value) []byte {
	switch v.Kind() {
	case event.Null:
		return append(out, "null"...)
	case event.Array:
		out = append(out, '[')
		first := true
		for element := range v.Elements() {
			if !first {
				out = append(out, ',')
			}
			first = false
			out = appendFieldText(out, element)
		}
		return append(out, ']')
	default:
		return append(out, v.Text()...)
	}
}

// appendEscaped escapes as URLSearchParams does.
func appendEscaped[T string | []byte](out []byte, text T) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '*', c == '-', c == '.', c == '_':
			out = append(out, c)
		case c == ' ':
			out = append(out, '+')
		default:
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}
