package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Setting is one setting as it is in force.
type Setting struct {
	Name    string // as in tanker.yaml, such as limits.key_per_minute
	Value   string // for people; never a key, a token or a password
	Default bool   // it is what it would be if nobody had set it
}

// Settings are the settings of the process, without sources and destinations, in the order of the file.
func (c *Config) Settings() []Setting {
	all := settings(reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()).Elem(), "")
	if c.Workspace.File == "" {
		return without(all, "workspace.")
	}
	return all
}

// Settings are the source's settings.
func (s Source) Settings() []Setting {
	return settings(reflect.ValueOf(s), reflect.ValueOf(DefaultSource()), "")
}

// Settings are the destination's settings.
func (d Destination) Settings() []Setting {
	return settings(reflect.ValueOf(d), reflect.ValueOf(DefaultDestination()), "")
}

// KeyPlace says in words where the source's write key comes from.
func (c *Config) KeyPlace(s Source) string {
	return c.keyPlace(s.WriteKeyEnv, s.WriteKeyFile, envWriteKey)
}

// APIKeyPlace says in words where the destination's API key comes from.
func (c *Config) APIKeyPlace(d Destination) string {
	return c.keyPlace(d.APIKeyEnv, d.APIKeyFile, envAPIKey)
}

func (c *Config) keyPlace(variable, file, usual string) string {
	switch {
	case variable != "":
		return "the environment variable " + variable
	case file != "":
		return "the file " + file
	case c.FromEnvironment:
		return "the environment variable " + usual
	case c.Workspace.File != "":
		return "the workspace configuration " + c.Workspace.File
	}
	return "the configuration file"
}

// settings are the settings in a struct, with their path before their names.
func settings(v, defaults reflect.Value, path string) []Setting {
	var all []Setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("yaml")
		if name == "-" || name == "" || name == "name" || name == "sources" || name == "destinations" && path == "" && v.Type() == reflect.TypeFor[Config]() {
			continue
		}
		value, standard := v.Field(i), defaults.Field(i)
		if _, secret := reflect.TypeAssert[Secret](value); secret {
			continue
		}
		if text, ok := settingText(value.Interface()); ok {
			all = append(all, Setting{path + name, text, reflect.DeepEqual(value.Interface(), standard.Interface())})
			continue
		}
		if value.Kind() == reflect.Struct {
			all = append(all, settings(value, standard, path+name+".")...)
		}
	}
	return all
}

// settingText is a value as one text, unless it is a section of settings.
func settingText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return withoutPasswords(value), true
	case fmt.Stringer:
		return value.String(), true
	case bool, int:
		return fmt.Sprint(value), true
	case []string:
		return strings.Join(value, ", "), true
	case []Rename:
		return listed(value, func(r Rename) string { return r.From + " → " + r.To }), true
	case []Consent:
		return listed(value, func(c Consent) string {
			return fmt.Sprintf("%s (%s): %s", c.Provider, c.Strategy, strings.Join(c.IDs, ", "))
		}), true
	}
	return "", false
}

func listed[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = text(item)
	}
	return strings.Join(texts, "; ")
}

var userInfo = regexp.MustCompile(`://[^/@\s,]*@`)

// withoutPasswords hides who logs in with what in URLs.
func withoutPasswords(text string) string { return userInfo.ReplaceAllString(text, "://"+dots+"@") }

// without leaves out the settings whose names begin with a text.
func without(all []Setting, prefix string) []Setting {
	var kept []Setting
	for _, s := range all {
		if !strings.HasPrefix(s.Name, prefix) {
			kept = append(kept, s)
		}
	}
	return kept
}
