package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// YAML is the configuration as a file: the settings that are not at their defaults. Write keys are in it, API keys are
// not: name where they are with APIKeyEnv or APIKeyFile first. Load reads the same from it.
func (c *Config) YAML() []byte {
	w := yamlWriter{}
	w.section(reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()).Elem(), "")
	return w.out.Bytes()
}

// yamlWriter writes sections of settings.
type yamlWriter struct{ out bytes.Buffer }

// section writes the settings of a struct that differ from those of another, each in a line that begins with indent.
func (w *yamlWriter) section(v, defaults reflect.Value, indent string) {
	t := v.Type()
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("yaml")
		if key == "-" || key == "api_key" || reflect.DeepEqual(v.Field(i).Interface(), defaults.Field(i).Interface()) {
			continue
		}
		w.setting(key, v.Field(i), defaults.Field(i), indent)
	}
}

func (w *yamlWriter) setting(key string, v, defaults reflect.Value, indent string) {
	if text, ok := scalarOf(v.Interface()); ok {
		fmt.Fprintf(&w.out, "%s%s: %s\n", indent, key, text)
		return
	}
	fmt.Fprintf(&w.out, "%s%s:\n", indent, key)
	if v.Kind() == reflect.Struct {
		w.section(v, defaults, indent+"  ")
		return
	}
	for i := range v.Len() {
		w.item(v.Index(i), indent+"  ")
	}
}

// item writes an element of a list: the dash stands in the line of its first setting.
func (w *yamlWriter) item(v reflect.Value, indent string) {
	defaults, title := reflect.Zero(v.Type()), ""
	switch e := v.Interface().(type) {
	case Source:
		defaults, title = reflect.ValueOf(DefaultSource()), e.Title
	case Destination:
		defaults, title = reflect.ValueOf(DefaultDestination()), e.Title
	case Consent:
		defaults = reflect.ValueOf(DefaultConsent())
	}
	inner := yamlWriter{}
	inner.section(v, defaults, indent+"  ")
	lines := inner.out.Bytes()
	copy(lines[min(len(indent), len(lines)):], "-")
	if title = oneLine(title); title != "" {
		first, rest, _ := bytes.Cut(lines, []byte("\n"))
		fmt.Fprintf(&w.out, "%s # %s\n%s", first, title, rest)
		return
	}
	w.out.Write(lines)
}

// scalarOf is a setting that is written in one line.
func scalarOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return quoted(v), true
	case Secret:
		return quoted(v.Reveal()), true
	case bool, int:
		return fmt.Sprint(v), true
	case time.Duration, Size, Sync:
		return fmt.Sprint(v), true
	case []string:
		texts := make([]string, len(v))
		for i, s := range v {
			texts[i] = quoted(s)
		}
		return "[" + strings.Join(texts, ", ") + "]", true
	}
	return "", false
}

var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*([ -][A-Za-z0-9_]+)*$`)

// quoted is a text as YAML has it: without quotes if it can be taken for nothing else.
func quoted(s string) string {
	special := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
	if plainText.MatchString(s) && !slices.Contains(special, strings.ToLower(s)) {
		return s
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""` // a text can always be encoded
	}
	return strings.TrimSpace(out.String())
}

// oneLine is a text of somebody else's as it can stand in a comment.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s))
}
