package mapping

import (
	"strings"
	"testing"

	"tanker/event"
)

func identifyCall(body string) Call {
	return Call{Method: post, Path: pathIdentify, Body: []byte(body)}
}

func TestMerge(t *testing.T) {
	const apart = ""
	tests := []struct{ name, first, second, want string }{
		{"traits of both", `{"id":"u","plan":"free"}`, `{"id":"u","seats":5}`, `{"id":"u","plan":"free","seats":5}`},
		{"the later value, in the place of the first", `{"id":"u","plan":"free","seats":5}`, `{"id":"u","plan":"gold"}`, `{"id":"u","plan":"gold","seats":5}`},
		{"a trait that is cleared", `{"id":"u","plan":"free"}`, `{"id":"u","plan":""}`, `{"id":"u","plan":""}`},
		{"a trait that is set again", `{"id":"u","plan":""}`, `{"id":"u","plan":"gold"}`, `{"id":"u","plan":"gold"}`},
		{"a name written in two ways", `{"id":"u","plan":1}`, `{"id":"u","pl\u0061n":2}`, `{"id":"u","plan":2}`},
		{"nothing but the user", `{"id":"u"}`, `{"id":"u"}`, `{"id":"u"}`},
		{"values as they came", `{"id":"u","a":1.0}`, `{"id":"u","b":12345678901234567890}`, `{"id":"u","a":1.0,"b":12345678901234567890}`},

		{"by email", `{"email":"e","a":1}`, `{"email":"e","b":2}`, `{"email":"e","a":1,"b":2}`},
		{"the second without the email", `{"id":"u","email":"e","a":1}`, `{"id":"u","b":2}`, `{"id":"u","email":"e","a":1,"b":2}`},
		{"the first without the email", `{"id":"u","a":1}`, `{"id":"u","email":"e","b":2}`, apart},
		{"another email", `{"id":"u","email":"e"}`, `{"id":"u","email":"f"}`, apart},
		{"an email in other letters", `{"id":"u","email":"e"}`, `{"id":"u","email":"E"}`, apart},
		{"another id", `{"id":"u"}`, `{"id":"v"}`, apart},
		{"an id of another kind", `{"id":"1"}`, `{"id":1}`, apart},
		{"an id and none", `{"id":"u","email":"e"}`, `{"email":"e"}`, apart},
		{"no id and one", `{"email":"e"}`, `{"id":"u","email":"e"}`, apart},

		{"identify and group", `{"id":"u","a":1}`, `{"id":"u","account":{"id":"g","b":2}}`, `{"id":"u","a":1,"account":{"id":"g","b":2}}`},
		{"group and identify", `{"id":"u","account":{"id":"g","b":2}}`, `{"id":"u","a":1}`, `{"id":"u","account":{"id":"g","b":2},"a":1}`},
		{"an account without an id and none", `{"id":"u","account":{"b":2}}`, `{"id":"u","a":1}`, `{"id":"u","account":{"b":2},"a":1}`},
		{"two of the same account", `{"id":"u","account":{"id":"g","a":1,"b":2}}`, `{"id":"u","account":{"id":"g","b":3}}`, `{"id":"u","account":{"id":"g","a":1,"b":3}}`},
		{"another account", `{"id":"u","account":{"id":"g"}}`, `{"id":"u","account":{"id":"h"}}`, apart},
		{"accounts without ids", `{"id":"u","account":{"a":1}}`, `{"id":"u","account":{"a":1}}`, apart},
		{"an account's id that is none", `{"id":"u","account":{"id":""}}`, `{"id":"u","account":{"id":""}}`, apart},
		{"the second account without an id", `{"id":"u","account":{"id":"g"}}`, `{"id":"u","account":{"a":1}}`, apart},
		{"an account that is none", `{"id":"u","account":"g"}`, `{"id":"u"}`, apart},
		{"a trait called like the account's", `{"id":"u","account_name":"a"}`, `{"id":"u","account":{"id":"g","name":"b"}}`, `{"id":"u","account_name":"a","account":{"id":"g","name":"b"}}`},
		{"names of an account that meet", `{"id":"u","account":{"id":"g","planName":1}}`, `{"id":"u","account":{"id":"g","plan_name":1}}`, apart},
		{"an account's trait that may be its id", `{"id":"u","account":{"id":"g","Id":1}}`, `{"id":"u","account":{"id":"g"}}`, apart},

		{"a nested object and none", `{"id":"u","address":{"city":"a"}}`, `{"id":"u","a":1}`, `{"id":"u","address":{"city":"a"},"a":1}`},
		{"objects with the same names", `{"id":"u","address":{"city":"a","zip":1}}`, `{"id":"u","address":{"zip":2,"city":"b"}}`, `{"id":"u","address":{"zip":2,"city":"b"}}`},
		{"an object with fewer names", `{"id":"u","address":{"city":"a","zip":1}}`, `{"id":"u","address":{"city":"b"}}`, apart},
		{"an object with more names", `{"id":"u","address":{"city":"a"}}`, `{"id":"u","address":{"city":"b","zip":1}}`, apart},
		{"an object in the place of a text", `{"id":"u","address":"a"}`, `{"id":"u","address":{"city":"b"}}`, apart},
		{"a text in the place of an object", `{"id":"u","address":{"city":"b"}}`, `{"id":"u","address":"a"}`, apart},
		{"a nested null", `{"id":"u","address":{"city":"a"}}`, `{"id":"u","address":{"city":null}}`, apart},
		{"the same list", `{"id":"u","tags":["a"]}`, `{"id":"u","tags":["a"]}`, `{"id":"u","tags":["a"]}`},
		{"another list", `{"id":"u","tags":["a","b"]}`, `{"id":"u","tags":["c"]}`, apart},
		{"an empty list", `{"id":"u","tags":["a"]}`, `{"id":"u","tags":[]}`, apart},
		{"an empty object", `{"id":"u","tags":{"a":1}}`, `{"id":"u","tags":{}}`, apart},

		{"names that are one in snake case", `{"id":"u","userId":1}`, `{"id":"u","user_id":2}`, apart},
		{"such names in one call", `{"id":"u","userId":1,"user_id":2}`, `{"id":"u","a":1}`, apart},
		{"such names by an abbreviation", `{"id":"u","HTTPCode":1}`, `{"id":"u","h_t_t_p_code":2}`, apart},
		{"a nested name and a flat one", `{"id":"u","address":{"city":"a"}}`, `{"id":"u","address_city":"b"}`, apart},
		{"a flat name and a nested one", `{"id":"u","addressCity":"b"}`, `{"id":"u","address":{"city":"a"}}`, apart},
		{"a name like the id's", `{"id":"u","ID":"v"}`, `{"id":"u"}`, apart},
		{"a contact's uuid", `{"id":"u"}`, `{"id":"u","uuid":"v"}`, apart},
		{"brackets", `{"id":"u","a[b]":1}`, `{"id":"u"}`, apart},
		{"a name without letters", `{"id":"u","--":1}`, `{"id":"u"}`, apart},
		{"an object that a form makes a list of", `{"id":"u","a":{"0":1}}`, `{"id":"u","b":1}`, apart},
		{"letters that fold in their own ways", `{"id":"u","größe":1}`, `{"id":"u"}`, apart},
		{"objects in objects in objects", `{"id":"u","a":` + strings.Repeat(`{"a":`, 8) + `1` + strings.Repeat(`}`, 8) + `}`, `{"id":"u"}`, apart},

		{"large calls", `{"id":"u","a":"` + strings.Repeat("a", maxMerged) + `"}`, `{"id":"u"}`, apart},
		{"no JSON", `{"id":"u"`, `{"id":"u"}`, apart},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Merge(identifyCall(test.first), identifyCall(test.second))
			if string(got.Body) != test.want || ok != (test.want != apart) {
				t.Errorf("%s\n%s\ngot  %s %v\nwant %s", test.first, test.second, got.Body, ok, test.want)
			}
		})
	}
}

func TestOnlyIdentifyCallsMerge(t *testing.T) {
	identify := Call{Method: post, Path: pathIdentify, Body: []byte(`{"id":"u"}`), UserID: "u", Email: "e"}
	track, form := identify, identify
	track.Path = pathTrack
	form.Form = true
	for _, pair := range [][2]Call{{track, track}, {identify, track}, {track, identify}, {form, form}, {identify, form}, {{}, {}}} {
		if _, ok := Merge(pair[0], pair[1]); ok {
			t.Errorf("%s %s and %s %s merge", pair[0].Path, pair[0].Body, pair[1].Path, pair[1].Body)
		}
	}
	merged, ok := Merge(identify, identify)
	if !ok || merged.UserKey() != "u" || merged.Email != "e" || merged.Method != post || merged.Path != pathIdentify {
		t.Errorf("got %+v %v, want a call for the same user", merged, ok)
	}
}

func TestWhatACallSets(t *testing.T) {
	tests := []struct {
		call             Call
		contact, account bool
	}{
		{identifyCall(`{"id":"u","plan":1}`), true, false},
		{identifyCall(`{"id":"u","email":"e"}`), true, false},
		{identifyCall(`{"id":"u","email":"e","account":{"id":"g"}}`), false, true},
		{identifyCall(`{"id":"u","plan":1,"account":{"id":"g"}}`), true, true},
		{identifyCall(`{`), true, true},
		{Call{Method: post, Path: pathIdentify, Body: []byte(`{"id":"u"}`), Form: true}, true, true},
		{Call{Method: post, Path: pathTrack, Body: []byte(`{"id":"u","event":"e"}`)}, false, false},
	}
	for _, test := range tests {
		if contact, account := test.call.Sets(); contact != test.contact || account != test.account {
			t.Errorf("%s %s sets the contact: %v, the account: %v", test.call.Path, test.call.Body, contact, account)
		}
	}
}

func TestMergedNamesAreBounded(t *testing.T) {
	var many strings.Builder
	for i := range maxMergedNames + 2 {
		many.WriteString(`,"` + strings.Repeat("a", i+1) + `":1`)
	}
	if _, ok := Merge(identifyCall(`{"id":"u"`+many.String()+`}`), identifyCall(`{"id":"u"}`)); ok {
		t.Error("a call with more traits than are looked at was merged")
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"id":"u","plan":"free","address":{"city":1}}`), []byte(`{"id":"u","pl\u0061n":"gold","address":{"city":2}}`))
	f.Add([]byte(`{"id":"u","email":"e","account":{"id":"g","a":1}}`), []byte(`{"id":"u","account":{"id":"g","b":[{}]}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		merged, ok := Merge(identifyCall(string(first)), identifyCall(string(second)))
		if !ok {
			return
		}
		body, err := event.Parse(merged.Body, event.Limits{})
		if err != nil {
			t.Fatalf("%s and %s give %s: %v", first, second, merged.Body, err)
		}
		last, err := event.Parse(second, event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range last.Get().Members() {
			if got := body.Get(name); name != "account" && string(got.Raw()) != string(value.Raw()) {
				t.Fatalf("%s and %s give %s: %s is lost", first, second, merged.Body, name)
			}
		}
	})
}
