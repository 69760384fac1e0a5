package refiner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/refiner"
	"tanker/refiner/refinertest"
)

func TestAppendForm(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65)
	tests := []struct{ name, in, want string }{
		{"nothing", `{}`, ``},
		{"order of keys", `{"b":"1","a":"2"}`, `b=1&a=2`},
		{"numbers as they are written", `{"n":12345678901234567890,"f":1.0,"e":1E+3,"m":-0}`, `n=12345678901234567890&f=1.0&e=1E%2B3&m=-0`},
		{"booleans", `{"t":true,"f":false}`, `t=true&f=false`},
		{"null, empty object and empty list are empty values", `{"n":null,"o":{},"l":[],"s":"","x":{"n":null,"l":[{}]}}`, `n=&o=&l=&s=&x%5Bn%5D=&x%5Bl%5D%5B0%5D=`},
		{"nested object", `{"account":{"name":"Acme","address":{"city":"Kyoto"}}}`, `account%5Bname%5D=Acme&account%5Baddress%5D%5Bcity%5D=Kyoto`},
		{"lists", `{"tags":["a",["b","c"],{"d":1}]}`, `tags%5B0%5D=a&tags%5B1%5D%5B0%5D=b&tags%5B1%5D%5B1%5D=c&tags%5B2%5D%5Bd%5D=1`},
		{"strings are decoded", `{"s":"a\u00e9\n\"\\\/<&=+ ~*","k\u0065y":"\ud83d\ude00"}`, `s=a%C3%A9%0A%22%5C%2F%3C%26%3D%2B+~%2A&key=%F0%9F%98%80`},
		{"blanks in the JSON", "{\n \"a\" : [ 1 , 2 ] ,\t\"b\" : { \"c\" : null }\r\n}", `a%5B0%5D=1&a%5B1%5D=2&b%5Bc%5D=`},
		{"a name in brackets stays as it is", `{"account[id]":"7"}`, `account%5Bid%5D=7`},
		{"64 levels", deep, url.QueryEscape("a"+strings.Repeat("[a]", 64)) + "=1"},
		{"a credential in disguise is left out", `{"a":1,"api.key":"x","api key":{"y":[1]}," api_key":"z","api_key[0]":"x","b":2}`, `a=1&b=2`},
		{"nobody else's name in disguise", `{" id":"x","id[a]":"x","email[]":"x","uuid[":"x","id":"u","e.mail":"y"}`, `id=u&e.mail=y`},
		{"the credential under its own name is for the caller to know", `{"api_key":"x"}`, `api_key=x`},
		{"inside of others nothing is in disguise", `{"account":{"api.key":"x","id[a]":"y"}}`, `account%5Bapi.key%5D=x&account%5Bid%5Ba%5D%5D=y`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := refiner.AppendForm([]byte("before "), []byte(tt.in))
			if err != nil || string(got) != "before "+tt.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
}

func TestAppendFormRefuses(t *testing.T) {
	manyOnes := `[1` + strings.Repeat(`,1`, 1000) + `]`
	tests := []struct {
		name, in string
		want     error
	}{
		{"empty", ``, refiner.ErrNotObject},
		{"list", `[]`, refiner.ErrNotObject},
		{"broken", `{"a":}`, refiner.ErrNotObject},
		{"two objects", `{}{}`, refiner.ErrNotObject},
		{"65 levels", `{"a":` + strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65) + `}`, refiner.ErrFormTooDeep},
		{"a name that is repeated a thousand times", `{"` + strings.Repeat("k", 64<<10) + `":` + manyOnes + `}`, refiner.ErrFormTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := refiner.AppendForm([]byte("x"), []byte(tt.in))
			if !errors.Is(err, tt.want) || string(got) != "x" {
				t.Errorf("got %.100s, %v; want %v", got, err, tt.want)
			}
		})
	}
}

// FuzzFormRoundTrip sends a JSON object as a form and looks at what the sandbox reads: the same
// structure, with all values as text.
func FuzzFormRoundTrip(f *testing.F) {
	for _, seed := range []string{
		`{"id":"u1","account":{"name":"Acme","n":1.50,"tags":["a",{"b":null}]}}`,
		`{"a":[],"b":{},"c":"","d":null,"e":false}`,
		`{"a":{"b ":"y"},"ü ":"%zz+&="}`,
		`{"a":{"0":"x","1":"y"},"b":{"1":"z"}}`,
		`{"a":{"b":1,"b":2},"\u0061":3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var fields map[string]any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if dec.Decode(&fields) != nil || len(fields) == 0 || !expressible(fields, 0) {
			t.Skip()
		}
		// Written anew, every name occurs once.
		object, err := json.Marshal(fields)
		if err != nil {
			t.Skip()
		}
		got, err := throughTheSandbox(t, object)
		if errors.Is(err, refiner.ErrFormTooDeep) || errors.Is(err, refiner.ErrFormTooLarge) {
			t.Skip()
		}
		want := map[string]any{}
		for name, value := range fields {
			want[name] = asText(value)
		}
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("%s arrives as another (-sent +arrived):\n%s", object, diff)
		}
	})
}

func throughTheSandbox(t *testing.T, object []byte) (any, error) {
	sandbox, client := newSandbox(t, refinertest.Options{})
	_, err := client.Do(context.Background(), refiner.Request{Method: "POST", Path: "/v1/none", Body: object, Form: true})
	calls := sandbox.Calls()
	if len(calls) == 0 {
		return nil, err
	}
	var got any
	if err := json.Unmarshal(calls[0].Body, &got); err != nil {
		t.Fatalf("recorded body %q: %v", calls[0].Body, err)
	}
	return got, err
}

// expressible reports whether a form can tell the value from all others: there are no brackets in
// names, no empty names, no names of the credential, and no object that looks like a
// list.
func expressible(v any, depth int) bool {
	switch v := v.(type) {
	case map[string]any:
		listLike := len(v) > 0 && depth > 0
		for i := range len(v) {
			_, ok := v[strconv.Itoa(i)]
			listLike = listLike && ok
		}
		if listLike {
			return false
		}
		for name, inner := range v {
			if strings.ContainsAny(name, "[]") || name == "" || !expressible(inner, depth+1) {
				return false
			}
			if plain := strings.NewReplacer(" ", "", ".", "_").Replace(name); depth == 0 && reserved[plain] {
				return false
			}
		}
	case []any:
		for _, inner := range v {
			if !expressible(inner, depth+1) {
				return false
			}
		}
	}
	return true
}

var reserved = map[string]bool{"api_key": true, "apikey": true, "id": true, "email": true, "uuid": true, "event": true}

// asText is a value as a form can express it.
func asText(v any) any {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
		fields := map[string]any{}
		for name, inner := range v {
			fields[name] = asText(inner)
		}
		return fields
	case []any:
		if len(v) == 0 {
			return ""
		}
		list := []any{}
		for _, inner := range v {
			list = append(list, asText(inner))
		}
		return list
	}
	return fmt.Sprint(v)
}
