package event

import (
	"errors"
	"strings"
	"testing"
)

func parse(tb testing.TB, s string) *Event {
	tb.Helper()
	e, err := Parse([]byte(s), Limits{})
	if err != nil {
		tb.Fatalf("Parse(%s): %v", s, err)
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

func TestType(t *testing.T) {
	for in, want := range map[string]string{
		`{"type":"track"}`:        "track",
		`{"type":"Identify"}`:     "identify",
		`{"type":"pa\u0067e"}`:    "page",
		`{"type":" page"}`:        " page",
		`{"type":"audiencelist"}`: "audiencelist",
		`{"type":5}`:              "",
		`{"type":null}`:           "",
		`{}`:                      "",
	} {
		e := parse(t, in)
		if got := e.Type(); got != want {
			t.Errorf("Type of %s = %q, want %q", in, got, want)
		}
		if got := e.WithType("").Type(); got != want {
			t.Errorf("WithType(\"\") makes %q of %s", got, in)
		}
		changed := e.WithType("Group")
		if changed.Type() != "group" || e.Type() != want || string(changed.Raw()) != in {
			t.Errorf("WithType of %s: %q, %s; before it %q", in, changed.Type(), changed.Raw(), e.Type())
		}
	}
}

func TestAccessors(t *testing.T) {
	e := parse(t, `{"event":1,"name":2,"category":3,"groupId":4,"traits":5,"properties":6,"integrations":7,"context":{"traits":8}}`)
	var got []string
	for _, v := range []Value{e.EventName(), e.Name(), e.Category(), e.GroupID(), e.Traits(), e.Properties(), e.Integrations(), e.ContextTraits(), e.Context()} {
		got = append(got, v.Text())
	}
	if want := `1 2 3 4 5 6 7 8 {"traits":8}`; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

// TestPlain compares the search eight bytes at a time with the plain one, for each byte at each place.
func TestPlain(t *testing.T) {
	for place := range 20 {
		for c := range 256 {
			b := []byte(strings.Repeat("x\x7f\x80\xff !", 4))[:20]
			b[place] = byte(c)
			want := len(b)
			if c < 0x20 || c == '"' || c == '\\' {
				want = place
			}
			if got := plain(b); got != want {
				t.Fatalf("plain with %#x at %d = %d, want %d", c, place, got, want)
			}
		}
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	_, err := Parse([]byte(`{"apiKey":"secret-1234" oops}`), Limits{})
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "oops") {
		t.Errorf("error is %v", err)
	}
	if want := "invalid JSON: want a comma or the end of the object at byte 24"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestDefaultLimits(t *testing.T) {
	big := `{"a":"` + strings.Repeat("x", DefaultLimits().MaxBytes-8) + `"}`
	if _, err := Parse([]byte(big), Limits{}); err != nil {
		t.Errorf("an event of the largest size: %v", err)
	}
	if _, err := Parse([]byte(big+" "), Limits{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an event one byte larger: %v", err)
	}
	if _, err := Parse([]byte(strings.Repeat("[", 10_000)), Limits{}); !errors.Is(err, ErrTooDeep) {
		t.Errorf("10,000 nested arrays: %v", err)
	}
	if _, err := SplitBatch([]byte(`{"batch":`+strings.Repeat(`[`, 10_000)), Limits{}); !errors.Is(err, ErrTooDeep) {
		t.Errorf("10,000 nested arrays in a batch: %v", err)
	}
	if _, err := Parse([]byte(`{`+strings.Repeat(`"":0,`, 10_000)+`"":0}`), Limits{}); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("10,001 keys: %v", err)
	}
}
