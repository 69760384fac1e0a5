package config_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tanker/internal/config"
)

func TestExampleShowsTheDefaults(t *testing.T) {
	c, err := config.Load(write(t, string(config.Example())), environment("BACKEND_WRITE_KEY", "wk", "REFINER_API_KEY", "key"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), c, cmpopts.IgnoreFields(config.Config{}, "Sources", "Destinations")); diff != "" {
		t.Errorf("settings (-default +example):\n%s", diff)
	}
	own := cmpopts.IgnoreFields(config.Destination{}, "Name", "APIKey", "APIKeyEnv", "UserAttributes", "AccountAttributes")
	if diff := cmp.Diff(config.DefaultDestination(), c.Destinations[0], own); diff != "" {
		t.Errorf("destination (-default +example):\n%s", diff)
	}
}

func TestExampleShowsEverySetting(t *testing.T) {
	text := string(config.Example())
	for _, key := range keys(reflect.TypeFor[config.Config]()) {
		if key == "api_key" { // which is refused, and said to be
			continue
		}
		if !regexp.MustCompile(`(?m)^[ #-]*` + key + `:`).MatchString(text) {
			t.Errorf("%s is not in the example", key)
		}
	}
	if strings.Contains(text, "\t") {
		t.Error("the example has tabs in it")
	}
}

// keys are all the keys of a section and of those within it.
func keys(t reflect.Type) []string {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for field := range t.Fields() {
		if key := field.Tag.Get("yaml"); key != "" && key != "-" {
			all = append(append(all, key), keys(field.Type)...)
		}
	}
	return all
}
