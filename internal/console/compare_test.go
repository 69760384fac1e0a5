package console

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// say writes what is marked in lines.
func sayLines(lines []jsonLine) (said []string) {
	for _, l := range lines {
		if l.value == "" {
			continue
		}
		text := strings.TrimSuffix(l.Text, ",")
		if l.Mark {
			text = "! " + text
		}
		if l.Dim {
			text = "- " + text
		}
		if l.Note != "" {
			text += " (" + l.Note + ")"
		}
		said = append(said, text)
	}
	return said
}

func TestCompare(t *testing.T) {
	c := compare(
		[]byte(`{"type":"identify","userId":"u-17","context":{"traits":{"email":"a@b.c","plan":"pro","seats":7,"admin":true,"tags":["x1","y1"],"e":{}}},"b":1}`),
		[]byte(`{"id":"u-17","email":"a@b.c","plan":"Pro","seats":"7","admin":true,"vip":true,"tags":["x1","y1"],"one":1,"e":{}}`))
	if diff := cmp.Diff([]string{
		`"id": "u-17" (from userId)`,
		`"email": "a@b.c" (from context.traits.email)`,
		`! "plan": "Pro" (not so in the event)`,
		`! "seats": "7" (from context.traits.seats, as another kind of value)`,
		`"admin": true (from context.traits.admin)`,
		`! "vip": true (not so in the event)`,
		`"x1" (from context.traits.tags[])`,
		`"y1" (from context.traits.tags[])`,
		`! "one": 1 (not so in the event)`,
		`"e": {} (from context.traits.e)`,
	}, sayLines(c.Call)); diff != "" {
		t.Errorf("the call (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		`- "type": "identify"`, `"userId": "u-17"`, `"email": "a@b.c"`, `- "plan": "pro"`, `"seats": 7`, `"admin": true`, `"x1"`, `"y1"`, `"e": {}`, `- "b": 1`,
	}, sayLines(c.Event)); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	if !c.EventWhole || !c.CallWhole {
		t.Error("something is left out")
	}
}

// TestJSONLinesAreTheJSON reads any JSON, and finds the same in the lines.
func TestJSONLinesAreTheJSON(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.IntRange(-5, 1e6).AsAny(), rapid.StringMatching(`[a-z"\\{}\[\] ,:é]{0,8}`).AsAny(),
		)
	})
	for range 3 {
		inner := value
		value = rapid.OneOf(inner, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.StringMatching(`[a-z".]{0,4}`), inner, 0, 3).AsAny())
	}
	rapid.Check(t, func(t *rapid.T) {
		data, err := json.Marshal(value.Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		lines, whole := jsonLines(data)
		var text strings.Builder
		for _, l := range lines {
			text.WriteString(l.Indent + l.Text + "\n")
		}
		var want, got any
		if json.Unmarshal(data, &want) != nil || !whole {
			t.Fatalf("%s: %v", data, whole)
		}
		if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
			t.Fatalf("%s became\n%s: %v", data, text.String(), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestJSONLinesAreBounded(t *testing.T) {
	for name, data := range map[string]string{
		"many values":     "[" + strings.Repeat("1,", 100_000) + "1]",
		"deep":            strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		"a large value":   `{"a":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a large name":    `{"` + strings.Repeat("x", 1<<20) + `":1}`,
		"large and many":  `{"` + strings.Repeat("x", 1<<18) + `":[` + strings.Repeat(`{"`+strings.Repeat("y", 500)+`":1},`, 2000) + `1]}`,
		"no JSON":         `{"a":1,]`,
		"cut off":         `{"a":{"b":[1,{`,
		"nothing":         ``,
		"closed too soon": `}`,
	} {
		lines, whole := jsonLines([]byte(data))
		shown := 0
		for _, l := range lines {
			shown += len(l.Indent + l.Text + l.Note)
		}
		if len(lines) > maxCompared || shown > 1<<20 {
			t.Errorf("%s: %d lines, %d bytes", name, len(lines), shown)
		}
		if short := name == "a large value" || name == "a large name" || name == "nothing"; whole != short {
			t.Errorf("%s: all of it: %v", name, whole)
		}
	}
	c := compare([]byte(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`), []byte(`{"b":"`+strings.Repeat("x", 1<<20)+`"}`))
	if got := fmt.Sprint(sayLines(c.Call)); !strings.Contains(got, "1,048,578 characters") || !strings.Contains(got, "(from a)") {
		t.Errorf("large values: %.300s", got)
	}
}
