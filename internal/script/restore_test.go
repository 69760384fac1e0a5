package script

import (
	"encoding/json"
	"testing"

	"github.com/dop251/goja"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tanker/event"
)

// changed runs the body of a function over an event.
func changed(t *testing.T, body, in string) string {
	t.Helper()
	p, err := newProgram(load(t, "export function transformEvent(event) {"+body+"\n return event }"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := p.newRun().transform([]byte(in), Metadata{})
	if r.failed != nil {
		t.Fatal(r.failed)
	}
	return string(r.events[0])
}

func TestWhatIsNotTouchedStays(t *testing.T) {
	tests := []struct{ name, body, in, want string }{
		{"everything", "", ` {"b":1.0, "a" :[1e2,12345678901234567890], "2":"\u00e9\/\ud800", "1":{"x":-0}} `, `{"b":1.0, "a" :[1e2,12345678901234567890], "2":"\u00e9\/\ud800", "1":{"x":-0}}`},
		{"the neighbours of a change", "event.a.n++", `{"a":{"n":1,"id":12345678901234567890,"t":"\u00e9"},"b":{"y":1.0,"1":2}}`, `{"a":{"n":2,"id":12345678901234567890,"t":"\u00e9"},"b":{"y":1.0,"1":2}}`},
		{"a member that is added", "event.c = 1", `{"n":1.0,"m":1e1}`, `{"n":1.0,"m":1e1,"c":1}`},
		{"a member that is deleted", "delete event.x", `{"n":1.0,"x":1,"m":1e1}`, `{"n":1.0,"m":1e1}`},
		{"a long number that moves", "event.b = event.a; delete event.a", `{"a":12345678901234567890,"n":1.0}`, `{"n":1.0,"b":12345678901234567890}`},
		{"a long number that moves within a list", "event.a.shift()", `{"a":[0,12345678901234567890]}`, `{"a":[12345678901234567890]}`},
		{"long numbers that JavaScript cannot tell apart", "event.c = event.a", `{"a":12345678901234567890,"b":12345678901234567891}`, `{"a":12345678901234567890,"b":12345678901234567891,"c":12345678901234567000}`},
		{"a short number that moves", "event.b = event.a", `{"a":1.0}`, `{"a":1.0,"b":1}`},
		{"a computed number", "event.a = event.a / 10", `{"a":12345678901234567890}`, `{"a":1234567890123456800}`},
		{"a number that becomes a text", "event.a = String(event.a)", `{"a":12345678901234567890}`, `{"a":"12345678901234567000"}`},
		{"a number beyond all numbers", "", `{"a":1e400}`, `{"a":null}`},
		{"a text that is replaced by another", "event.a = 'ü'", `{"a":"\u00e9"}`, `{"a":"ü"}`},
		{"half a surrogate pair", "event.b = event.a", `{"a":"\ud800"}`, `{"a":"\ud800","b":"\ud800"}`},
		{"half a pair that is replaced", "event.a = '\\ufffd'", `{"a":"\ud800"}`, `{"a":"` + "\ufffd" + `"}`},
		{"members that occur twice", "event.b = 1", `{"a":1,"a":2.0}`, `{"a":2.0,"b":1}`},
		{"a member called __proto__", "event.b = 1", `{"__proto__":{"x":1.0}}`, `{"__proto__":{"x":1.0},"b":1}`},
		{"an object that becomes empty", "event.a = {}", `{"a":{"x":1}}`, `{"a":{}}`},
		{"an object that becomes a list", "event.a = [event.a.x]", `{"a":{"x":1.0}}`, `{"a":[1]}`},
		{"a list that grows", "event.a.push(3)", `{"a":[1.0,{"x":2.0}]}`, `{"a":[1.0,{"x":2.0},3]}`},
		{"the order of members", "event.a = Object.fromEntries(Object.entries(event.a).reverse())", `{"a":{"x":1,"y":2}}`, `{"a":{"x":1,"y":2}}`},
		{"undefined and not a number", "event.a = undefined; event.b = NaN", `{"a":1,"b":2}`, `{"b":null}`},
		{"a date", "event.a = new Date(0)", `{"a":1}`, `{"a":"1970-01-01T00:00:00.000Z"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, changed(t, test.body, test.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRestoreKeepsTheMeaning changes a random event and compares, as JavaScript sees it, what is written with what is
// restored.
func TestRestoreKeepsTheMeaning(t *testing.T) {
	vm := goja.New()
	canonical, err := vm.RunString(`text => JSON.stringify(JSON.parse(text), (_, v) =>
		v && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort((a, b) => a[0] < b[0] ? -1 : 1)) : v)`)
	if err != nil {
		t.Fatal(err)
	}
	asSeen, _ := goja.AssertFunction(canonical)
	seen := func(t *rapid.T, text []byte) string {
		v, err := asSeen(nil, vm.ToValue(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v.String()
	}
	rapid.Check(t, func(t *rapid.T) {
		original, written := object(t, "original"), object(t, "written")
		e, err := event.Parse(original, event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := restore(e, written)
		if err != nil {
			t.Fatal(err)
		}
		if seen(t, got) != seen(t, written) {
			t.Errorf("%s over %s gives %s", written, original, got)
		}
		if again, err := restore(e, []byte(seen(t, original))); err != nil || seen(t, again) != seen(t, original) {
			t.Errorf("%s becomes %s, %v", original, again, err)
		}
	})
}

// object draws a small event of values that are often the same, or nearly.
func object(t *rapid.T, label string) []byte {
	scalar := rapid.SampledFrom([]string{
		"1", "1.0", "1e0", "-0", "0", "12345678901234567890", "12345678901234567891", "12345678901234567000", "0.1", "0.10000000000000000555",
		`"a"`, `"\u0061"`, `"\ud800"`, `"` + "\ufffd" + `"`, `""`, "true", "false", "null",
	})
	var draw func(depth int) string
	draw = func(depth int) string {
		kind := rapid.IntRange(0, 3).Draw(t, "kind")
		if depth == 0 || kind < 2 {
			return scalar.Draw(t, "scalar")
		}
		out := ""
		for i := range rapid.IntRange(0, 3).Draw(t, "size") {
			if i > 0 {
				out += ","
			}
			if kind == 2 {
				out += `"` + rapid.SampledFrom([]string{"a", "b", `\u0061`, "1"}).Draw(t, "name") + `":`
			}
			out += draw(depth - 1)
		}
		if kind == 2 {
			return "{" + out + "}"
		}
		return "[" + out + "]"
	}
	text := `{"x":` + draw(3) + `,"y":` + draw(2) + `}`
	if !json.Valid([]byte(text)) {
		t.Fatalf("%s: %s is no JSON", label, text)
	}
	return []byte(text)
}
