package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tanker/internal/gateway"
)

// model says what the documented checks, taken in their order, make of a body, with a decoder of its own.
func model(path, body string) (status int, text string, stored int) {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return 400, "invalid json\n", 0
	}
	if path != "/v1/batch" && path != "/v1/import" {
		return modelSingle(v)
	}
	object, _ := v.(map[string]any)
	events, isList := object["batch"].([]any)
	if !isList && object["batch"] != nil {
		events = []any{object["batch"]}
	}
	if len(events) == 0 {
		if path == "/v1/import" {
			return 200, "ok", 0
		}
		return 400, "empty batch payload\n", 0
	}
	known := 0
	for _, e := range events {
		if _, ok := e.(map[string]any); !ok {
			return 400, "event is not a valid rudder event\n", 0
		}
	}
	for _, e := range events {
		if o := e.(map[string]any); modelKnown(o) || o["type"] == "record" || o["type"] == "extract" {
			known++
		}
	}
	switch {
	case known == len(events):
		return 200, "ok", known
	case path == "/v1/import":
		return 400, "request neither has anonymousId nor userId\n", known
	}
	return 400, "request neither has anonymousId nor userId\n", 0
}

func modelSingle(v any) (status int, text string, stored int) {
	if _, ok := v.([]any); ok {
		return 400, "event is not a valid rudder event\n", 0
	}
	if o, _ := v.(map[string]any); !modelKnown(o) {
		return 400, "request neither has anonymousId nor userId\n", 0
	}
	return 200, "ok", 1
}

// modelKnown knows only blanks that strings.TrimSpace knows; the generator makes no others.
func modelKnown(o map[string]any) bool {
	for _, id := range []any{o["userId"], o["anonymousId"]} {
		if id != nil && strings.TrimSpace(fmt.Sprint(id)) != "" {
			return true
		}
	}
	return false
}

// Generators of JSON in which every documented check has something to find.
var (
	anID    = rapid.SampledFrom([]string{`"u1"`, `""`, `" "`, `null`, `0`, `7`, `false`, `{}`, `[]`, `"\u0061"`})
	aMember = rapid.OneOf(
		rapid.Map(anID, func(id string) string { return `"userId":` + id }),
		rapid.Map(anID, func(id string) string { return `"anonymousId": ` + id }),
		rapid.SampledFrom([]string{`"type":"record"`, `"type":"extract"`, `"type":"track"`, `"type":5`, `"messageId":"m"`, `"event":"x"`, `"traits":{"id":[1,{"a":null}]}`}),
	)
	anEvent = rapid.Map(rapid.SliceOfNDistinct(aMember, 0, 4, func(m string) string { return m[:strings.IndexByte(m, ':')] }),
		func(members []string) string { return "{" + strings.Join(members, " , ") + "}" })
	anElement = rapid.OneOf(anEvent, anEvent, anEvent, rapid.SampledFrom([]string{`{"userId":"u2"}`, `{"anonymousId":"a"}`, `null`, `"x"`, `3`, `[]`}))
	aBatch    = rapid.Map(rapid.SliceOfN(anElement, 0, 5), func(events []string) string { return "[" + strings.Join(events, ",") + "]" })
	aBody     = rapid.OneOf(
		anEvent,
		rapid.Map(aBatch, func(batch string) string { return `{"batch":` + batch + `,"sentAt":"2026-01-02T03:04:05Z"}` }),
		rapid.Map(aBatch, func(batch string) string { return "\n{ \"x\":1, \"batch\" : " + batch + " } " }),
		rapid.Map(anElement, func(e string) string { return `{"batch":` + e + `}` }),
		rapid.SampledFrom([]string{`{}`, `[]`, `null`, `"x"`, `1`, `true`, ``, `{"batch":[}`, `{"userId":"u1"`, `{"userId":01}`, "{\"userId\":\"\n\"}", `{"userId":"u1"} x`}),
	)
)

func TestAnswersAsTheModelSays(t *testing.T) {
	log := &memoryLog{}
	g := gateway.New(gateway.Options{Journal: log})
	if err := g.SetSources(testSources); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SampledFrom([]string{"/v1/track", "/v1/identify", "/v1/batch", "/v1/import"}).Draw(t, "path")
		body := aBody.Draw(t, "body")
		status, text, stored := model(path, body)
		got := serve(g, http.MethodPost, path, strings.NewReader(body), "Authorization", basic(webKey))
		if got.status != status || got.body != text {
			t.Fatalf("%s %s: got %d %q, want %d %q", path, body, got.status, got.body, status, text)
		}
		if n := len(log.take()); n != stored {
			t.Fatalf("%s %s: %d events stored, want %d", path, body, n, stored)
		}
		seen[text]++
	})
	if len(seen) != 5 {
		t.Errorf("only these answers were met: %v", seen)
	}
}
