package mapping

import (
	"errors"
	"strings"
	"testing"
)

// form is the FORM that the Upstream profile makes of a message, or the status and text of its error.
func form(tb testing.TB, config, message string) string {
	tb.Helper()
	settings, err := ParseRudderConfig([]byte(config))
	if err != nil {
		tb.Fatal(err)
	}
	settings.Profile = Upstream
	call, err := newMapper(tb, settings).Map(parse(tb, message))
	if upstream, ok := errors.AsType[*UpstreamError](err); ok {
		return upstream.Category + ": " + upstream.Message
	}
	if err != nil {
		tb.Fatal(err)
	}
	return string(call.Body)
}

func TestUpstreamDetails(t *testing.T) {
	const noIdentity = "dataValidation: At least one of `userId` or `email` is required"
	tests := []struct{ name, in, want string }{
		// Checks.
		{"a type that is a number", `{"type":5,"userId":"u"}`, "transformation: message.type.toLowerCase is not a function"},
		{"a type that is an object", `{"type":{},"userId":"u"}`, "transformation: message.type.toLowerCase is not a function"},
		{"a type that is zero", `{"type":0,"userId":"u"}`, "dataValidation: Event type is required"},
		{"an empty type", `{"type":"","userId":"u"}`, "dataValidation: Event type is required"},
		{"a type with space around it", `{"type":" identify "}`, `dataValidation: Event type " identify " is not supported`},
		{"a type with quotes", `{"type":"A\"B"}`, `dataValidation: Event type "a"b" is not supported`},
		{"a type that only Go lower-cases to identify", `{"type":"İdentify","userId":"u"}`, "dataValidation: Event type \"i\u0307dentify\" is not supported"},
		{"a type that ends in a sigma", `{"type":"ΟΔΟΣ","userId":"u"}`, `dataValidation: Event type "οδος" is not supported`},
		{"the type before the user", `{"type":"alias"}`, `dataValidation: Event type "alias" is not supported`},
		{"the user before the event name", `{"type":"track"}`, noIdentity},
		{"zero stops the search for an id", `{"type":"identify","userId":0,"traits":{"id":"x"}}`, noIdentity},
		{"a number too small to be told from zero", `{"type":"identify","userId":1e-400}`, noIdentity},
		{"a blank id is one", `{"type":"identify","userId":" "}`, `{"userId":" "}`},
		{"an empty event name", `{"type":"track","userId":"u","event":""}`, "dataValidation: Event name is required"},

		// Where values are looked for.
		{"a dotted name within a part", `{"type":"identify","userId":"u","traits":{"a":1},"context":{"traits.email":null,"traits":{"email":"c@x"}}}`, `{"a":1,"email":"c@x","userId":"u"}`},
		{"no way back from a part that was found", `{"type":"identify","userId":"u","context":5,"context.traits":{"a":1,"email":"c@x"}}`, `{"a":1,"userId":"u"}`},
		{"an externalId as object", `{"type":"track","event":"E","context":{"externalId":{"0":{"id":"x"}}}}`, `{"email":"x","event":"E"}`},
		{"a literal path that is null", `{"type":"track","event":"E","userId":"u","traits.email":null,"traits":{"email":"t"},"properties":{"email":"p"}}`, `{"id":"u","email":"p","event":"E"}`},

		// Values.
		{"lone halves of a pair", `{"type":"identify","userId":"u","traits":"x😀","context":{"traits":{"a":"\ud83d","\ud83d\ude00":"\uDE00\n\u2028\/"}}}`,
			`{"0":"x","1":"\ud83d","2":"\ude00","a":"\ud83d","😀":"` + "\\ude00\\n\u2028/" + `","userId":"u"}`},
		{"control characters", `{"type":"identify","userId":"u","traits":{"a":"\u0000\u001f\b\f\t\"\\\u007f"}}`, `{"a":"\u0000\u001f\b\f\t\"\\` + "\x7f" + `","userId":"u"}`},
		{"numbers", `{"type":"identify","userId":"u","traits":{"a":12345678901234567890,"b":1e400,"c":-1e400,"d":0.000001,"e":0.00000123,"f":-1.5e300,"g":100000000000000000000,"h":-5,"i":1e-400}}`,
			`{"a":12345678901234567000,"b":null,"c":null,"d":0.000001,"e":0.00000123,"f":-1.5e+300,"g":100000000000000000000,"h":-5,"i":0,"userId":"u"}`},
		{"whole numbers among names come first, inside too", `{"type":"identify","userId":"u","traits":{"b":{"z":1,"10":[{"1":0,"0":0}],"2":1},"01":1,"4294967295":1,"4294967294":1,"-1":1,"7":1}}`,
			`{"7":1,"4294967294":1,"b":{"2":1,"10":[{"0":0,"1":0}],"z":1},"01":1,"4294967295":1,"-1":1,"userId":"u"}`},
		{"objects within objects", `{"type":"identify","userId":"u","traits":{"a": { "b" : [ ] , "c":{ } , "9":{"\u0078":1.0,"x":"\u0079"} , "d":[{"1":1 , "0":-0}, null ,true] }}}`,
			`{"a":{"9":{"x":"y"},"b":[],"c":{},"d":[{"0":0,"1":1},null,true]},"userId":"u"}`},
		{"of a name given twice the last counts", `{"type":"identify","userId":"u","traits":{"a":1,"b":{"c":1,"d":2,"c":3},"a":4}}`, `{"a":4,"b":{"c":3,"d":2},"userId":"u"}`},
		{"names of the prototype", `{"type":"identify","userId":"u","traits":{"constructor":"c","prototype":"p","__proto__":"x","toString":"s"}}`, `{"toString":"s","userId":"u"}`},
		{"and in a group", `{"type":"group","userId":"u","traits":{"constructor":"c","a":null,"b":""}}`, `{"id":"u","account[constructor]":"c","account[b]":""}`},
		{"a group's userId false with an email", `{"type":"group","userId":false,"groupId":0,"traits":{"email":"a@x"}}`, `{"account[email]":"a@x","account[id]":0}`},

		// Page names.
		{"arrays", `{"type":"page","userId":"u","name":[1,null,["a",{}],true],"category":[]}`, `{"id":"u","event":"Viewed 1,,a,[object Object],true Page"}`},
		{"an object", `{"type":"page","userId":"u","name":{"a":1}}`, `{"id":"u","event":"Viewed [object Object] Page"}`},
		{"an object without toString", `{"type":"page","userId":"u","name":[{"toString":1}]}`, "transformation: Cannot convert object to primitive value"},
		{"a category without toString", `{"type":"page","userId":"u","category":{"toString":1}}`, "transformation: Cannot convert object to primitive value"},
		{"an infinite number", `{"type":"page","userId":"u","name":-1e400,"category":true}`, `{"id":"u","event":"Viewed true -Infinity Page"}`},
		{"quotes", `{"type":"page","userId":"u","name":"\"\u00e9\\"}`, `{"id":"u","event":"Viewed \"é\\ Page"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := form(t, `{}`, test.in); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestUpstreamRenames(t *testing.T) {
	const message = `{"type":"identify","userId":"u","traits":{"a":"A","b":"B","z":0,"o":{"x":1,"y":null,"a":2}}}`
	tests := []struct{ name, mapping, want string }{
		{"a chain in the order of the list", `{"from":"a","to":"b"},{"from":"b","to":"c"}`, `{"z":0,"o":{"x":1,"y":null,"a":2},"userId":"u","c":"A"}`},
		{"a chain against it", `{"from":"b","to":"c"},{"from":"a","to":"b"}`, `{"z":0,"o":{"x":1,"y":null,"a":2},"userId":"u","c":"B","b":"A"}`},
		{"onto a name that is there", `{"from":"b","to":"a"}`, `{"a":"B","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u"}`},
		{"zero keeps its name", `{"from":"z","to":"y"}`, `{"a":"A","b":"B","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u"}`},
		{"whole numbers go first", `{"from":"b","to":"1"},{"from":"1","to":"c"}`, `{"1":"B","a":"A","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u"}`},
		{"a name that was left out", `{"from":"a"}`, `{"b":"B","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u","undefined":"A"}`},
		{"an object onto the prototype", `{"from":"o","to":"__proto__"}`, `{"a":"A","b":"B","z":0,"userId":"u","x":1}`},
		{"a text onto the prototype", `{"from":"a","to":"__proto__"}`, `{"b":"B","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u"}`},
		{"from what every object has", `{"from":"toString","to":"a"}`, `{"b":"B","z":0,"o":{"x":1,"y":null,"a":2},"userId":"u"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := form(t, `{"userAttributesMapping":[`+test.mapping+`]}`, message); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestUpstreamWithoutConfig(t *testing.T) {
	const users, accounts = `{"userAttributesMapping":[null]}`, `{"accountAttributesMapping":[{"from":"a","to":"b"},null]}`
	tests := []struct{ config, in, want string }{
		{`null`, `{"type":"identify","userId":"u"}`, "transformation: Cannot destructure property 'userAttributesMapping' of 'destination.Config' as it is null."},
		{`null`, `{"type":"group","userId":"u"}`, "transformation: Cannot destructure property 'accountAttributesMapping' of 'destination.Config' as it is null."},
		{`null`, `{"type":"page","userId":"u"}`, "transformation: Cannot destructure property 'apiKey' of 'destination.Config' as it is null."},
		{`null`, `{"type":"track","userId":"u"}`, "dataValidation: Event name is required"},
		{users, `{"type":"identify","userId":"u"}`, "transformation: Cannot read properties of null (reading 'from')"},
		{users, `{"type":"group","userId":"u"}`, `{"id":"u"}`},
		{accounts, `{"type":"group","userId":"u"}`, "transformation: Cannot read properties of null (reading 'from')"},
		{accounts, `{"type":"track","userId":"u","event":"E"}`, `{"id":"u","event":"E"}`},
	}
	for _, test := range tests {
		if got := form(t, test.config, test.in); got != test.want {
			t.Errorf("%s with %s\ngot  %s\nwant %s", test.in, test.config, got, test.want)
		}
	}
}

func TestUpstreamManyTraits(t *testing.T) {
	traits := strings.Builder{}
	for i := range 4 * fewTraits {
		traits.WriteString(`"` + strings.Repeat("k", i+1) + `":1,`)
	}
	got := form(t, `{"userAttributesMapping":[{"from":"k","to":"userId"},{"from":"kk","to":"last"}]}`,
		`{"type":"identify","userId":"u","traits":{`+traits.String()+`"userId":"x"}}`)
	want := strings.TrimPrefix(traits.String(), `"k":1,"kk":1,`)
	if want = `{` + want + `"userId":1,"last":1}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestUpstreamBlowsNothingUp gives JavaScript's odder habits a megabyte to work on.
func TestUpstreamBlowsNothingUp(t *testing.T) {
	const tooLong = "transformation: The traits are a text or a list that is too long"
	text, list := `"`+strings.Repeat("x", 1<<20)+`"`, `[`+strings.Repeat("1,", 1<<19)+`1]`
	nested := strings.Repeat("[", 50) + text + strings.Repeat("]", 50)
	for _, test := range []struct{ in, want string }{
		{`{"type":"identify","userId":"u","traits":` + text + `}`, tooLong},
		{`{"type":"identify","userId":"u","context":{"traits":` + list + `}}`, tooLong},
		{`{"type":"group","userId":"u","traits":` + list + `}`, tooLong},
		{`{"type":"page","userId":"u","name":` + nested + `}`, "transformation: The page's name is a list that is too long"},
		{`{"type":"identify","userId":"u","traits":{"a":` + nested + `,"b":` + list + `}}`, `{"a":` + nested + `,"b":` + list + `,"userId":"u"}`},
	} {
		if got := form(t, `{}`, test.in); got != test.want {
			t.Errorf("%.60s… gives %.100s", test.in, got)
		}
	}
}

func TestUpstreamRefusalsAreBounded(t *testing.T) {
	_, err := newMapper(t, Settings{Profile: Upstream}).Map(parse(t, `{"type":"`+strings.Repeat("ü", 100_000)+`"}`))
	var refusal *Refusal
	if !errors.As(err, &refusal) || len(refusal.Message) > 300 || refusal.Outcome != Filtered || refusal.Reason != ReasonUnsupportedType {
		t.Errorf("refusal is %.300v", err)
	}
}
