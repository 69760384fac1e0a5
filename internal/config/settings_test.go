package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSettingsAreComplete(t *testing.T) {
	d := DefaultDestination()
	d.Name, d.APIKey = "production", NewSecret("very-secret-key")
	d.Limits.KeyPerMinute, d.RetryFor, d.Endpoint = 600, time.Hour, "https://somebody:password@refiner.example/x"
	d.UserAttributes = []Rename{{"plan_name", "plan"}, {"a", "b"}}
	d.Filter.Consent = []Consent{{Provider: "custom", Strategy: "or", IDs: []string{"1", "2"}}}
	got := map[string]Setting{}
	for _, s := range d.Settings() {
		got[s.Name] = s
	}
	for name, want := range map[string]Setting{
		"limits.key_per_minute":  {Value: "600"},
		"limits.user_per_minute": {Value: "100", Default: true},
		"retry_for":              {Value: "1h0m0s"},
		"endpoint":               {Value: "https://••••••@refiner.example/x"},
		"user_attributes":        {Value: "plan_name → plan; a → b"},
		"filter.consent":         {Value: "custom (or): 1, 2"},
		"filter.integration":     {Value: "Refiner", Default: true},
		"start":                  {Value: "now", Default: true},
		"window.bytes":           {Value: "64MiB", Default: true},
	} {
		if want.Name = name; got[name] != want {
			t.Errorf("%+v, want %+v", got[name], want)
		}
	}
	if text := fmt.Sprint(d.Settings()); strings.Contains(text, "secret") || strings.Contains(text, "password") {
		t.Error(text)
	}
}

// Every setting that the program has is shown: a new kind of value must not be forgotten.
func TestNoSettingIsForgotten(t *testing.T) {
	var count func(v reflect.Value) int
	count = func(v reflect.Value) int {
		n := 0
		for i := range v.NumField() {
			name := v.Type().Field(i).Tag.Get("yaml")
			if name == "-" || name == "" {
				continue
			}
			if _, single := settingText(v.Field(i).Interface()); !single && v.Field(i).Kind() == reflect.Struct && v.Field(i).Type() != reflect.TypeFor[Secret]() {
				n += count(v.Field(i))
				continue
			}
			n++
		}
		return n
	}
	c := Default()
	c.Workspace.File = "workspaceConfig.json"
	for _, test := range []struct {
		shown []Setting
		all   reflect.Value
		less  int // what is shown elsewhere
	}{
		{c.Settings(), reflect.ValueOf(c).Elem(), 2},                                // sources, destinations
		{DefaultSource().Settings(), reflect.ValueOf(DefaultSource()), 2},           // name, write_key
		{DefaultDestination().Settings(), reflect.ValueOf(DefaultDestination()), 2}, // name, api_key
	} {
		if want := count(test.all) - test.less; len(test.shown) != want {
			t.Errorf("%s: %d settings are shown, want %d: %v", test.all.Type(), len(test.shown), want, test.shown)
		}
	}
}

func TestPlacesOfKeys(t *testing.T) {
	c := Default()
	for want, s := range map[string]Source{
		"the environment variable WEB_KEY": {WriteKeyEnv: "WEB_KEY"},
		"the file keys/web":                {WriteKeyFile: "keys/web"},
		"the configuration file":           {},
	} {
		if got := c.KeyPlace(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	c.Workspace.File = "w.json"
	if got := c.APIKeyPlace(Destination{}); got != "the workspace configuration w.json" {
		t.Error(got)
	}
	c, err := Load("", func(name string) string {
		return map[string]string{envWriteKey: "wk", envAPIKey: "key-0123456789abcdef"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.APIKeyPlace(c.Destinations[0]); got != "the environment variable REFINER_API_KEY" {
		t.Error(got)
	}
}
