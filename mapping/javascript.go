package mapping

import "tanker/event"

// JavaScriptText is what String(v) is in JavaScript, for a value that JSON.parse has read: 1.0 is "1", null is
// "null", a list is its elements with commas between them. What is not there is "undefined".
func JavaScriptText(v event.Value) string {
	if !v.Exists() {
		return "undefined"
	}
	text, _ := jsText(nil, v)
	return string(text)
}

// AppendJavaScriptJSON appends what JSON.stringify makes of v, which JSON.parse has read: without white space,
// numbers as JavaScript prints them, names that are whole numbers first. An absent v appends nothing.
func AppendJavaScriptJSON(dst []byte, v event.Value) []byte {
	if !v.Exists() {
		return dst
	}
	return appendJS(dst, v.Raw())
}

// Truthy is how JavaScript takes v as a condition: what is not there, null, false, 0 and "" are false.
func Truthy(v event.Value) bool { return truthy(v) }
