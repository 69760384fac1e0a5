package event

import (
	"errors"
	"strings"
	"testing"
)

func parse(t testing.TB, s string) *Event {
	t.Helper()
	e, err := Parse([]byte(s), Limits{})
	if err != nil {
		t.Fatalf("Parse(%s): %v", s, err)
	}
	return e
}

func TestParseRefuses(t *testing.T) {
	small := Limits{MaxBytes: 64, MaxDepth: 3, MaxKeys: 3}
	tests := []struct {
		name, in string
		want     error
		offset   int
	}{
		{"nothing", ``, ErrSyntax, 0},
		{"white space", "  \n", ErrSyntax, 3},
		{"a word", `hello`, ErrSyntax, 0},
		{"an open object", `{"a":1`, ErrSyntax, 6},
		{"a comma too many", `{"a":1,}`, ErrSyntax, 7},
		{"no colon", `{"a" 1}`, ErrSyntax, 5},
		{"an unquoted name", `{a:1}`, ErrSyntax, 1},
		{"single quotes", `{'a':1}`, ErrSyntax, 1},
		{"two values", `{} {}`, ErrSyntax, 3},
		{"a leading zero", `{"a":01}`, ErrSyntax, 6},
		{"a leading plus", `{"a":+1}`, ErrSyntax, 5},
		{"a bare point", `{"a":.5}`, ErrSyntax, 5},
		{"a point without decimals", `{"a":1.}`, ErrSyntax, 7},
		{"an exponent without digits", `{"a":1e}`, ErrSyntax, 7},
		{"NaN", `{"a":NaN}`, ErrSyntax, 5},
		{"a half literal", `{"a":tru}`, ErrSyntax, 5},
		{"a literal cut off", `{"a":nul`, ErrSyntax, 5},
		{"an unknown escape", `{"a":"\x"}`, ErrSyntax, 7},
		{"a short unicode escape", `{"a":"\u12g4"}`, ErrSyntax, 10},
		{"a control character", "{\"a\":\"x\ny\"}", ErrSyntax, 7},
		{"a NUL in a string", "{\"a\":\"x\x00y\"}", ErrSyntax, 7},
		{"an open string", `{"a":"xyz`, ErrSyntax, 9},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", ErrSyntax, 6},
		{"a surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", ErrSyntax, 6},
		{"a byte order mark", "\xef\xbb\xbf{}", ErrSyntax, 0},
		{"an array", ` [1]`, ErrNotObject, 1},
		{"a string", `"x"`, ErrNotObject, 0},
		{"null", `null`, ErrNotObject, 0},
		{"one byte too many", `{"a":"` + strings.Repeat("x", 57) + `"}`, ErrTooLarge, 64},
		{"one level too deep", `{"a":[[{}]]}`, ErrTooDeep, 7},
		{"one key too many", `{"a":[{"b":1}],"c":{"d":1}}`, ErrTooManyKeys, 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse([]byte(test.in), small)
			if !errors.Is(err, test.want) {
				t.Fatalf("Parse(%q) = %v, want %v", test.in, err, test.want)
			}
			var p *ParseError
			if !errors.As(err, &p) || p.Offset != test.offset {
				t.Errorf("Parse(%q): %v, want offset %d", test.in, err, test.offset)
			}
		})
	}
}

func TestParseTakes(t *testing.T) {
	for _, in := range []string{
		`{}`, " {\t\"a\" :\r\n1 } ", `{"a":[{"b":[]}]}`, `{"a":"\ud800"}`, `{"a":"\"\\\/\b\f\n\r\té"}`,
		`{"a":-0.0e+10,"b":1E5,"c":true}`, `{"":"` + strings.Repeat("x", 57) + `"}`, `{"a":"ü€😀"}`,
	} {
		if _, err := Parse([]byte(in), Limits{MaxBytes: 65, MaxDepth: 4, MaxKeys: 3}); err != nil {
			t.Errorf("Parse(%s): %v", in, err)
		}
	}
}
