package event

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesAreAsTheyCame(t *testing.T) {
	tests := []struct {
		raw  string
		kind Kind
		text string
	}{
		{`null`, Null, ""},
		{`true`, Bool, "true"},
		{`12345678901234567890`, Number, "12345678901234567890"},
		{`1.0`, Number, "1.0"},
		{`-0`, Number, "-0"},
		{`1E+2`, Number, "1E+2"},
		{`""`, String, ""},
		{`"plain"`, String, "plain"},
		{`"ü€😀"`, String, "ü€😀"},
		{`"\u00fc\/\n\"\\\t\b\f\r"`, String, "ü/\n\"\\\t\b\f\r"},
		{`"\ud83d\ude00"`, String, "😀"},
		{`"\uD83D"`, String, "\ufffd"},
		{`"\ude00x"`, String, "\ufffdx"},
		{`"\ud83d\ud83d\ude00"`, String, "\ufffd😀"},
		{`"\ud83d\u0041"`, String, "\ufffdA"},
		{`[ 1 , {"a":2} ]`, Array, `[ 1 , {"a":2} ]`},
		{`{ "a" : 1 }`, Object, `{ "a" : 1 }`},
	}
	for _, test := range tests {
		t.Run(test.raw, func(t *testing.T) {
			v := parse(t, ` { "x" : `+test.raw+` } `).Get("x")
			if v.Kind() != test.kind || string(v.Raw()) != test.raw || v.Text() != test.text || !v.Exists() {
				t.Errorf("got %s %s, text %q; want %s, text %q", v.Kind(), v.Raw(), v.Text(), test.kind, test.text)
			}
			if v.Is(test.text) != (test.kind == String) {
				t.Errorf("Is(%q) = %t", test.text, v.Is(test.text))
			}
		})
	}
}

func TestNoValue(t *testing.T) {
	e := parse(t, `{"s":"x","n":null}`)
	for name, v := range map[string]Value{
		"zero": {}, "missing": e.Get("a"), "member of a string": e.Get("s", "a"), "member of nothing": e.Get("a", "b"),
	} {
		if v.Exists() || v.IsNull() || v.Kind() != Absent || v.Raw() != nil || v.Text() != "" || v.Is("") || v.Escaped() {
			t.Errorf("%s: %v %q is a value", name, v.Kind(), v.Raw())
		}
		for range v.Members() {
			t.Errorf("%s has members", name)
		}
		for range v.Elements() {
			t.Errorf("%s has elements", name)
		}
	}
	if v := e.Get("n"); !v.Exists() || !v.IsNull() {
		t.Error("null does not count as a value")
	}
}

func TestGet(t *testing.T) {
	e := parse(t, `{"a":{"b":[1,{"c":2}],"":{"d":3}},"a.b":4,"a":{"b":5,"":{"d":6}},"x\u0079":7,"list":[{"a":8}]}`)
	for _, test := range []struct {
		path []string
		want string
	}{
		{[]string{"a", "b"}, "5"}, // the last of two members counts
		{[]string{"a", "", "d"}, "6"},
		{[]string{"a.b"}, "4"},
		{[]string{"xy"}, "7"}, // however its name is written
		{[]string{`x\u0079`}, ""},
		{[]string{"list", "a"}, ""},
		{[]string{"list", "0"}, ""},
	} {
		if got := e.Get(test.path...).Text(); got != test.want {
			t.Errorf("Get(%q) = %s, want %s", test.path, got, test.want)
		}
	}
	if got, want := string(e.Get().Raw()), string(e.Raw()); got != want {
		t.Errorf("Get() = %s, want the event", got)
	}
}

type member struct{ Name, Raw string }

func members(v Value) []member {
	var list []member
	for name, value := range v.Members() {
		list = append(list, member{name, string(value.Raw())})
	}
	return list
}

func TestMembersWithTheSameName(t *testing.T) {
	many := strings.Builder{}
	for i := range 2 * fewMembers {
		many.WriteString(`"` + strings.Repeat("k", i+1) + `":0,`)
	}
	few := `"b":1,"a":2,"\u0062":3,"c":4,"a":5`
	want := []member{{"b", "3"}, {"a", "5"}, {"c", "4"}}
	if diff := cmp.Diff(want, members(parse(t, `{`+few+`}`).Get())); diff != "" {
		t.Errorf("a few members: -want +got\n%s", diff)
	}
	got := members(parse(t, `{`+many.String()+few+`}`).Get())
	if diff := cmp.Diff(want, got[2*fewMembers:]); diff != "" {
		t.Errorf("many members: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]member{{"a", "1"}, {"b", "2"}}, members(parse(t, `{"a":1,"b":2}`).Get())); diff != "" {
		t.Errorf("no two alike: -want +got\n%s", diff)
	}
}

func TestFieldsGiveNamesAsWritten(t *testing.T) {
	for name, value := range parse(t, `{"\u0061b":1}`).Get().Fields() {
		if string(name.Raw()) != `"\u0061b"` || name.Text() != "ab" || !name.Is("ab") || name.Kind() != String || !name.Escaped() {
			t.Errorf("name is %s, %q", name.Raw(), name.Text())
		}
		if value.Text() != "1" {
			t.Errorf("value is %s", value.Raw())
		}
	}
}

func TestLoopsCanBeLeft(t *testing.T) {
	e := parse(t, `{"a":[1,2,3],"b":2,"a":[1,2,3]}`)
	count := 0
	for range e.Get().Members() {
		count++
		break
	}
	for range e.Get("a").Elements() {
		count++
		break
	}
	if count != 2 {
		t.Errorf("%d rounds, want one of each", count)
	}
}

func TestElements(t *testing.T) {
	e := parse(t, `{"a":[ 1 , "x\n" ,[2,[3]], {"b":{"c":4},"d":[{"e":5}]} ,null],"none":[ ]}`)
	var got []string
	for v := range e.Get("a").Elements() {
		got = append(got, string(v.Raw()))
		if v.Kind() == Object {
			got = append(got, v.Get("b").Get("c").Text())
			for w := range v.Get("d").Elements() {
				got = append(got, w.Get("e").Text())
			}
		}
	}
	want := []string{"1", `"x\n"`, "[2,[3]]", `{"b":{"c":4},"d":[{"e":5}]}`, "4", "5", "null"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for v := range e.Get("none").Elements() {
		t.Errorf("an empty array has the element %s", v.Raw())
	}
}

func TestKindNames(t *testing.T) {
	names := map[string]bool{}
	for k := Absent; k <= Array; k++ {
		names[k.String()] = true
	}
	if len(names) != 7 || names["unknown"] || Kind(99).String() != "unknown" {
		t.Errorf("names of kinds: %v", maps.Keys(names))
	}
}
