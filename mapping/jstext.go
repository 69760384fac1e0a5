package mapping

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// JavaScript's strings are UTF-16 and may hold half a surrogate pair, which UTF-8 cannot say. Inside this
// package such a half is written in three bytes as if it were a character, and it leaves as an escape.

// jsDecoded is the text of a JSON string.
func jsDecoded(raw []byte) []byte {
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		switch {
		case raw[i] != '\\':
			out = append(out, raw[i])
			i++
		case raw[i+1] != 'u':
			out = append(out, escapes[raw[i+1]])
			i += 2
		default:
			out = appendUnit(out, hex4(raw[i+2:i+6]))
			i += 6
		}
	}
	return out
}

// escapes gives the byte for each letter that may follow a backslash.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hex4(digits []byte) (r rune) {
	for _, c := range digits {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

// appendUnit appends a UTF-16 unit, and makes one character of it and the half that text ends with.
func appendUnit(text []byte, unit rune) []byte {
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(text, unit)
	}
	if n := len(text); n >= 3 {
		if high, ok := half(text[n-3:]); ok {
			if r := utf16.DecodeRune(high, unit); r != utf8.RuneError {
				return utf8.AppendRune(text[:n-3], r)
			}
		}
	}
	return append(text, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f)
}

// half is the half surrogate pair that text begins with, if it does.
func half(text []byte) (rune, bool) {
	if len(text) < 3 || text[0] != 0xed || text[1] < 0xa0 {
		return 0, false
	}
	return 0xd000 | rune(text[1]&0x3f)<<6 | rune(text[2]&0x3f), true
}

// jsUnits cuts a text into its UTF-16 units.
func jsUnits(text []byte) [][]byte {
	units := make([][]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if _, ok := half(text); ok {
			size = 3
		}
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			units = append(units, appendUnit(nil, high), appendUnit(nil, low))
		} else {
			units = append(units, text[:size])
		}
		text = text[size:]
	}
	return units
}

// appendJSText writes text as JSON.stringify writes a string.
func appendJSText(out, text []byte) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c < ' ':
			if short := shortEscapes[c]; short != 0 {
				out = append(out, '\\', short)
			} else {
				out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		case c == 0xed:
			r, ok := half(text[i:])
			if !ok {
				out = append(out, c)
				continue
			}
			out = append(out, '\\', 'u', hex[r>>12], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			i += 2
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}

var shortEscapes = [' ']byte{'\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
