package mapping

import "testing"

func TestJavaScriptText(t *testing.T) {
	for in, want := range map[string]string{
		`"a\u00e9"`: "aé", `5`: "5", `1.50`: "1.5", `1e21`: "1e+21", `-0`: "0", `12345678901234567890`: "12345678901234567000",
		`null`: "null", `false`: "false", `{"a":1}`: "[object Object]", `[1,null,["b",2.0]]`: "1,,b,2",
	} {
		if got := JavaScriptText(parse(t, `{"v":`+in+`}`).Get("v")); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
	if got := JavaScriptText(parse(t, `{}`).Get("v")); got != "undefined" {
		t.Errorf("nothing is %q", got)
	}
}

func TestAppendJavaScriptJSON(t *testing.T) {
	v := parse(t, `{"v": {"b": [1.0, null], "2": 1e2, "b": {"\u0041": "x"}}}`).Get("v")
	if got, want := string(AppendJavaScriptJSON([]byte(">"), v)), `>{"2":100,"b":{"A":"x"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := AppendJavaScriptJSON(nil, v.Get("none")); got != nil {
		t.Errorf("nothing is %s", got)
	}
}
