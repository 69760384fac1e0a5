package refiner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tanker/refiner"
)

func TestClassOfAnAnswer(t *testing.T) {
	const (
		credentials = refiner.ClassCredentials
		limited     = refiner.ClassRateLimited
		event       = refiner.ClassEvent
		temporary   = refiner.ClassTemporary
		unexpected  = refiner.ClassUnexpected
	)
	tests := []struct {
		status  int
		body    string
		class   refiner.Class
		message string
	}{
		{401, `{"error":"No API key found in headers"}`, credentials, "No API key found in headers"},
		{401, `{"error":"API key does not look valid"}`, credentials, "API key does not look valid"},
		{401, ``, credentials, "unauthorized"},
		{401, `<html>denied</html>`, credentials, "<html>denied</html>"},
		{404, `{"message":"API key not valid or does not exist"}`, credentials, "API key not valid or does not exist"},
		{404, `{"message":" api KEY  NOT valid"}`, credentials, "api KEY NOT valid"},
		{404, `{"error":"API key does not exist."}`, credentials, "API key does not exist."},
		{404, `API key not valid or does not exist`, credentials, "API key not valid or does not exist"},
		{404, `{"message":"The contact does not exist."}`, event, "The contact does not exist."},
		{404, `{"message":"Contact 'API key not valid or does not exist' was not found"}`, event,
			"Contact 'API key not valid or does not exist' was not found"},
		{404, `{"message":"API keys are described in the manual"}`, event, "API keys are described in the manual"},
		{404, ``, event, "not found"},
		{404, `<html>nothing here</html>`, unexpected, "<html>nothing here</html>"},
		{403, " \n<!doctype html>blocked", unexpected, "<!doctype html>blocked"},
		{413, `<html>too large</html>`, event, "<html>too large</html>"},
		{400, `plain text`, event, "plain text"},
		{400, `{"message":"API key not valid or does not exist"}`, event, "API key not valid or does not exist"},
		{400, `{"message":"bad"}`, event, "bad"},
		{403, `{}`, event, "forbidden"},
		{405, `{}`, event, "method not allowed"},
		{413, ``, event, "request entity too large"},
		{422, `{"message":{"en":"x"},"error":"y"}`, event, "y"},
		{429, `{"error":"You are doing this too often."}`, limited, "You are doing this too often."},
		{408, ``, temporary, "request timeout"},
		{500, `{"message":"oops"}`, temporary, "oops"},
		{502, "<html>\n bad\tgateway</html>", temporary, "<html> bad gateway</html>"},
		{503, ``, temporary, "service unavailable"},
		{599, ``, temporary, "no message"},
		{101, ``, unexpected, "switching protocols"},
		{301, ``, unexpected, "a redirect, which is not followed: is this Refiner's endpoint?"},
		{304, ``, unexpected, "a redirect, which is not followed: is this Refiner's endpoint?"},
		{600, `{}`, unexpected, "no message"},
		{200, `<html>Welcome</html>`, unexpected, "the answer is not JSON: is this Refiner's endpoint?"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d %s", tt.status, tt.body), func(t *testing.T) {
			_, err := answering(t, tt.status, tt.body).Do(context.Background(), identify)
			var e *refiner.Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %#v", err)
			}
			if e.Class != tt.class || e.Status != tt.status || e.Message != tt.message || string(e.Body) != tt.body {
				t.Errorf("got %s, %d, %q, body %q; want %s, message %q",
					e.Class, e.Status, e.Message, e.Body, tt.class, tt.message)
			}
			want := fmt.Sprintf("refiner: POST /v1/identify-user: %d: %s", tt.status, tt.message)
			if e.Error() != want {
				t.Errorf("text is %q, want %q", e.Error(), want)
			}
			if refiner.ClassOf(fmt.Errorf("wrapped: %w", err)) != tt.class {
				t.Errorf("ClassOf is %s", refiner.ClassOf(err))
			}
		})
	}
}

func TestAcceptedAnswers(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
	}{
		{200, `{"message":"ok"}`},
		{201, `{"message":"ok","contact_uuid":"x"}`},
		{202, " \n[1]"},
		{204, ``},
	} {
		got, err := answering(t, tt.status, tt.body).Do(context.Background(), identify)
		if err != nil || got.Status != tt.status || string(got.Body) != tt.body {
			t.Errorf("%d %s: got %d %s, %v", tt.status, tt.body, got.Status, got.Body, err)
		}
	}
}

// An answer's status says that a call was accepted. That the body breaks off must not make it look
// lost: the caller would repeat it.
func TestAcceptedThoughTheBodyBreaksOff(t *testing.T) {
	for _, length := range []int64{-1, 100} {
		client := newClient(t, refiner.Options{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			broken := io.MultiReader(strings.NewReader(`{"mess`), iotest.ErrReader(io.ErrUnexpectedEOF))
			return &http.Response{StatusCode: 200, ContentLength: length, Body: io.NopCloser(broken)}, nil
		})})
		got, err := client.Do(context.Background(), identify)
		if err != nil || string(got.Body) != `{"mess` {
			t.Errorf("length %d: got %q, %v", length, got.Body, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	date := "Sun, 06 Nov 1994 08:49:37 GMT"
	tests := []struct {
		name   string
		status int
		value  string
		date   string
		want   time.Duration
	}{
		{"seconds", 429, "17", "", 17 * time.Second},
		{"blanks around", 429, " 2 ", "", 2 * time.Second},
		{"of a 503", 503, "3", "", 3 * time.Second},
		{"date, by the answer's own clock", 429, "Sun, 06 Nov 1994 08:50:07 GMT", date, 30 * time.Second},
		{"date in the past", 429, "Sun, 06 Nov 1994 08:00:00 GMT", date, 0},
		{"date that has passed by our clock", 429, date, "", 0},
		{"at most an hour, seconds", 429, "86400", "", time.Hour},
		{"at most an hour, no number is too large", 429, "99999999999999999999999", "", time.Hour},
		{"at most an hour, date", 429, "Sun, 06 Nov 2094 08:49:37 GMT", date, time.Hour},
		{"zero", 429, "0", "", 0},
		{"negative", 429, "-5", "", 0},
		{"nonsense", 429, "soon", "", 0},
		{"not said", 429, "", "", 0},
		{"not asked of an event", 422, "17", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := answering(t, tt.status, `{}`, "Retry-After", tt.value, "Date", tt.date)
			_, err := client.Do(context.Background(), identify)
			var e *refiner.Error
			if !errors.As(err, &e) || e.RetryAfter != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestMessageIsBounded(t *testing.T) {
	_, err := answering(t, 422, `{"message":"`+strings.Repeat("é", 1000)+`"}`).Do(context.Background(), identify)
	var e *refiner.Error
	if !errors.As(err, &e) || e.Message != strings.Repeat("é", 250) {
		t.Errorf("message is %q", e.Message)
	}
}

func TestBodyIsBounded(t *testing.T) {
	long := `{"message":"` + strings.Repeat("x", 1<<20) + `"}`
	got, err := answering(t, 200, long).Do(context.Background(), identify)
	if err != nil || string(got.Body) != long[:64<<10] {
		t.Errorf("kept %d bytes, %v", len(got.Body), err)
	}
	_, err = answering(t, 500, long).Do(context.Background(), identify)
	var e *refiner.Error
	if !errors.As(err, &e) || string(e.Body) != long[:64<<10] {
		t.Errorf("kept %d bytes of the error", len(e.Body))
	}
}

func TestClassNames(t *testing.T) {
	want := "unexpected credentials rate_limited event temporary canceled class(6) class(-1)"
	got := fmt.Sprint(refiner.ClassUnexpected, refiner.ClassCredentials, refiner.ClassRateLimited,
		refiner.ClassEvent, refiner.ClassTemporary, refiner.ClassCanceled, refiner.Class(6), refiner.Class(-1))
	if got != want {
		t.Errorf("got %q", got)
	}
	if c := refiner.ClassOf(io.EOF); c != refiner.ClassUnexpected {
		t.Errorf("a foreign error is %s", c)
	}
}
