package event

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParser(t *testing.T) {
	var p Parser
	for _, test := range []struct {
		name, in string
		path     []string
		want     []string // the elements at path
		err      error
	}{
		{"an array", ` [ {"a":[1,2]} , 5 , null, [] ,[7,[8]]] `, nil, []string{`{"a":[1,2]}`, `5`, `null`, `[]`, `[7,[8]]`}, nil},
		{"an array in an object", `{"x":{"y":[1]},"input":[{"a":[]},{"b":1}],"z":2}`, []string{"input"}, []string{`{"a":[]}`, `{"b":1}`}, nil},
		{"an array further down", `{"x":{"y":[1,[2]]}}`, []string{"x", "y"}, []string{`1`, `[2]`}, nil},
		{"nothing in it", `[ ]`, nil, nil, nil},
		{"no array", `"text"`, nil, nil, nil},
		{"keys counted for each element", `[{"a":1,"b":2},{"a":1,"b":2}]`, nil, []string{`{"a":1,"b":2}`, `{"a":1,"b":2}`}, nil},
		{"too many keys in one", `[{"a":1,"b":2,"c":3,"d":4,"e":5}]`, nil, nil, ErrTooManyKeys},
		{"too many keys outside", `{"a":[{"x":1,"y":2}],"b":1,"c":1,"d":1,"e":1}`, nil, nil, ErrTooManyKeys},
		{"too deep", `[[[[[]]]]]`, nil, nil, ErrTooDeep},
		{"no JSON", `[{"a":1}`, nil, nil, ErrSyntax},
		{"more than one", `[]1`, nil, nil, ErrSyntax},
		{"no text", "[\"\xff\"]", nil, nil, ErrSyntax},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, err := p.Parse([]byte(test.in), Limits{MaxDepth: 4, MaxKeys: 4})
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			for _, name := range test.path {
				v = v.Get(name)
			}
			var got []string
			for element := range v.Elements() {
				got = append(got, string(element.Raw()))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestElementsOfAParserAreEvents(t *testing.T) {
	var p Parser
	body := []byte(`[{"message":{"type":"Track","userId":"u","a":1,"a":2}},{"message":5}]`)
	v, err := p.Parse(body, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for item := range v.Elements() {
		e, ok := item.Get("message").Event()
		if !ok {
			types = append(types, "none")
			continue
		}
		types = append(types, e.Type())
		if got := e.Get("a").Text(); got != "2" {
			t.Errorf("a is %s", got)
		}
	}
	if diff := cmp.Diff([]string{"track", "none"}, types); diff != "" {
		t.Error(diff)
	}
	if n := testing.AllocsPerRun(10, func() { p.Parse(body, Limits{}) }); n > 0 {
		t.Errorf("reading another body took %v allocations", n)
	}
}

// FuzzParser checks that what a Parser keeps is what is found without it.
func FuzzParser(f *testing.F) {
	seeds(f)
	var p Parser
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := p.Parse(data, Limits{})
		_, want := Parse(data, Limits{})
		if errors.Is(want, ErrNotObject) || errors.Is(want, ErrTooManyKeys) {
			want = nil // which a Parser does not mind, or counts in another way
		}
		if err != nil {
			if want == nil && !errors.Is(err, ErrTooManyKeys) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if want != nil {
			t.Fatalf("no error, want %v", want)
		}
		sameAsStandard(t, v)
	})
}
