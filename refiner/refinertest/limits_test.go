package refinertest_test

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tanker/refiner/refinertest"
)

const tooOften = `{"error":"You are doing this too often."}`

func TestKeyLimitSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: 3}})
		for i := range 3 { // at 0, 10 and 20 s
			post(t, s, "/v1/track", fmt.Sprintf(`{"id":"u%d","event":"e"}`, i)).is(t, 200, `{"message":"ok"}`)
			time.Sleep(10 * time.Second)
		}
		refused := post(t, s, "/v1/track", `{"id":"u9","event":"e"}`)
		refused.is(t, 429, tooOften)
		if got := refused.header.Get("Retry-After"); got != "30" {
			t.Errorf("Retry-After %q", got)
		}
		get(t, s, "/v1/").is(t, 429, tooOften) // every call counts
		time.Sleep(30*time.Second - time.Nanosecond)
		if got := get(t, s, "/v1/"); got.status != 429 || got.header.Get("Retry-After") != "1" {
			t.Errorf("just before: %d, Retry-After %s", got.status, got.header.Get("Retry-After"))
		}
		time.Sleep(time.Nanosecond)
		get(t, s, "/v1/").is(t, 200, welcome)
		if got := get(t, s, "/v1/"); got.status != 429 || got.header.Get("Retry-After") != "10" {
			t.Errorf("afterwards: %d, Retry-After %s", got.status, got.header.Get("Retry-After"))
		}
	})
}

func TestLimitsAreEachKeysOwn(t *testing.T) {
	s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: 1}})
	other := request{method: "GET", path: "/v1/?api_key=another-key-0123456789"}
	get(t, s, "/v1/").is(t, 200, welcome)
	get(t, s, "/v1/").is(t, 429, tooOften)
	call(t, s, other).is(t, 200, welcome)
	call(t, s, other).is(t, 429, tooOften)
}

func TestUserLimit(t *testing.T) {
	s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{UserPerMinute: 2}})
	track := func(user string) int { return post(t, s, "/v1/track", `{`+user+`,"event":"e"}`).status }
	steps := []struct {
		user string
		want int
	}{
		{`"id":"a"`, 200},
		{`"id":"a","email":"x"`, 200}, // the id names the user
		{`"id":"a"`, 429},
		{`"id":"b"`, 200},
		{`"email":"x"`, 200},
		{`"email":"X"`, 200},
		{`"email":"x"`, 429},
		{`"id":"x"`, 200}, // not the user whose email is x
		{`"id":1`, 200},
		{`"id":"1"`, 200},
		{`"id":1`, 429},
	}
	for i, step := range steps {
		if got := track(step.user); got != step.want {
			t.Errorf("step %d, %s: got %d", i, step.user, got)
		}
	}
	for i, want := range []int{404, 404, 429} {
		if got := get(t, s, "/v1/contact?uuid=z").status; got != want {
			t.Errorf("uuid, call %d: got %d", i, got)
		}
	}
	for range 5 {
		get(t, s, "/v1/").is(t, 200, welcome) // of no user
	}
}

// The answer does not say which limit was reached; the record does.
func TestRecordTellsWhichLimit(t *testing.T) {
	s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: 3, UserPerMinute: 2}})
	for range 3 {
		post(t, s, "/v1/track", `{"id":"a","event":"e"}`)
	}
	post(t, s, "/v1/track", `{"id":"b","event":"e"}`)
	post(t, s, "/v1/track", `{"id":"c","event":"e"}`)
	var limits []string
	for _, c := range s.Calls() {
		limits = append(limits, c.Limit)
	}
	same(t, []string{"", "", "user", "", "key"}, limits)
}

// A refused call counts for neither limit: a caller that insists does not shut itself out.
func TestRefusedCallsDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{Limits: refinertest.Limits{KeyPerMinute: 10, UserPerMinute: 1}})
		for range 50 {
			post(t, s, "/v1/track", `{"id":"a","event":"e"}`)
		}
		post(t, s, "/v1/track", `{"id":"b","event":"e"}`).is(t, 200, `{"message":"ok"}`)
		time.Sleep(time.Minute)
		post(t, s, "/v1/track", `{"id":"a","event":"e"}`).is(t, 200, `{"message":"ok"}`)
	})
}

// Users of whom nothing has been heard for a minute are forgotten; those who are remembered stay
// limited.
func TestUserLimitOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := refinertest.New(refinertest.Options{MaxCalls: -1, Limits: refinertest.Limits{UserPerMinute: 1}})
		for round := range 4 {
			for user := range 1500 {
				if got := track(t, s, fmt.Sprint(round%2, user)); got.status != 200 {
					t.Fatalf("round %d, user %d: got %d", round, user, got.status)
				}
			}
			for user := range 1500 {
				if got := track(t, s, fmt.Sprint(round%2, user)); got.status != 429 {
					t.Fatalf("round %d, user %d once more: got %d", round, user, got.status)
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestLimitsChange(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	for range 5 {
		get(t, s, "/v1/").is(t, 200, welcome)
	}
	put(t, s, "/_sandbox/limits", `{"key_per_minute":2,"user_per_minute":7}`).is(t, 200, `{"key_per_minute":2,"user_per_minute":7}`)
	put(t, s, "/_sandbox/limits", `{"user_per_minute":8}`).is(t, 200, `{"key_per_minute":2,"user_per_minute":8}`)
	get(t, s, "/_sandbox/limits").is(t, 200, `{"key_per_minute":2,"user_per_minute":8}`)
	get(t, s, "/v1/").is(t, 200, welcome)
	get(t, s, "/v1/").is(t, 200, welcome)
	get(t, s, "/v1/").is(t, 429, tooOften)
	s.SetLimits(refinertest.Limits{KeyPerMinute: 3})
	get(t, s, "/v1/").is(t, 200, welcome)
	get(t, s, "/v1/").is(t, 429, tooOften)
	s.SetLimits(refinertest.Limits{})
	get(t, s, "/v1/").is(t, 200, welcome)
	for _, body := range []string{`{"key_per_minute":-1}`, `{"per_key":1}`, `[]`, ``, `{} {}`} {
		if got := put(t, s, "/_sandbox/limits", body); got.status != 400 || decode[map[string]string](t, got)["error"] == "" {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
	same(t, refinertest.Limits{KeyPerMinute: 4000, UserPerMinute: 100}, refinertest.RefinerLimits)
}

// TestLimitsAreExact compares the limits with a list of all accepted calls, which is searched anew for
// each call.
func TestLimitsAreExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limits := refinertest.Limits{
			KeyPerMinute:  rapid.IntRange(0, 8).Draw(rt, "key limit"),
			UserPerMinute: rapid.IntRange(0, 4).Draw(rt, "user limit"),
		}
		seconds := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 40).Draw(rt, "seconds between calls")
		users := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), len(seconds), len(seconds)).Draw(rt, "users")
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			var past []accepted
			s := refinertest.New(refinertest.Options{Limits: limits})
			for i, user := range users {
				time.Sleep(time.Duration(seconds[i]) * time.Second)
				wait := max(waitFor(past, limits.KeyPerMinute, ""), waitFor(past, limits.UserPerMinute, user))
				got := track(t, s, user)
				if wait == 0 {
					past = append(past, accepted{time.Now(), user})
				}
				after, _ := strconv.Atoi(got.header.Get("Retry-After"))
				if (got.status == 429) != (wait > 0) || wait > 0 && (after < 1 || time.Duration(after)*time.Second > wait) {
					wrong = fmt.Sprintf("call %d: got %d, Retry-After %d where %s are to wait", i, got.status, after, wait)
				}
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

type accepted struct {
	at   time.Time
	user string
}

// waitFor is how long it takes until less than limit calls of the user, or of all, are younger than a
// minute.
func waitFor(past []accepted, limit int, user string) time.Duration {
	if limit == 0 {
		return 0
	}
	for i, n := len(past)-1, 0; i >= 0; i-- {
		if user != "" && past[i].user != user {
			continue
		}
		if n++; n == limit {
			return max(0, time.Until(past[i].at.Add(time.Minute)))
		}
	}
	return 0
}
