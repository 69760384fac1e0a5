package refiner_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"tanker/refiner"
)

// oddKey has characters that look different in a URL.
const oddKey = "s3cret/key+with=signs"

func TestKeyPrintsAsDots(t *testing.T) {
	k := refiner.APIKey(oddKey)
	holder := struct {
		Name string
		Key  refiner.APIKey
	}{"n", k}
	asJSON, err := json.Marshal(map[string]any{"k": k, "h": holder})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "key", k, "holder", holder)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "key", k, "holder", holder)
	client := newClient(t, refiner.Options{APIKey: k})
	texts := []string{string(asJSON), logged.String(), k.String(), fmt.Sprint(k, holder, &holder)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, k), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, []refiner.APIKey{k}))
	}
	texts = append(texts, fmt.Sprintf("%v %+v", client, client))
	for _, text := range texts {
		if strings.Contains(text, oddKey) || strings.Contains(text, fmt.Sprintf("%x", oddKey)) {
			t.Errorf("the key shows in %s", text)
		}
	}
	if got := fmt.Sprint(k); got != "••••••" {
		t.Errorf("the key prints as %q", got)
	}
}

// Whatever comes back, in an answer or from the transport, the key is not in what the caller gets.
func TestKeyIsRedacted(t *testing.T) {
	echo := "Bearer " + oddKey + " api_key=s3cret%2Fkey%2Bwith%3Dsigns Basic " +
		base64.StdEncoding.EncodeToString([]byte(oddKey+":"))
	check := func(t *testing.T, parts ...any) {
		t.Helper()
		for _, part := range parts {
			text := fmt.Sprintf("%s %+v", part, part)
			for _, secret := range []string{"s3cret", base64.StdEncoding.EncodeToString([]byte(oddKey + ":"))} {
				if strings.Contains(text, secret) {
					t.Errorf("the key shows in %s", text)
				}
			}
		}
	}
	for _, status := range []int{200, 307, 401, 422, 500} {
		body := fmt.Sprintf(`{"message":%q}`, echo)
		client := newClient(t, refiner.Options{APIKey: oddKey, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, ContentLength: int64(len(body)), Body: closer{strings.NewReader(body)}}, nil
		})})
		answer, err := client.Do(context.Background(), identify)
		check(t, answer.Body)
		if e, ok := errors.AsType[*refiner.Error](err); ok {
			check(t, e, e.Message, e.Body)
		}
	}
	cause := &net.OpError{Op: "write", Err: errors.New(echo)}
	client := newClient(t, refiner.Options{APIKey: oddKey, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, cause
	})})
	_, err := client.Do(context.Background(), identify)
	for e := err; e != nil; e = errors.Unwrap(e) {
		check(t, e)
	}
	var lost *net.OpError
	if !errors.Is(err, cause) || !errors.As(err, &lost) {
		t.Errorf("the cause is lost: %v", err)
	}
}
