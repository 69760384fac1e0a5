package refinertest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tanker/refiner/refinertest"
)

func TestIdentifyAnswers(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	created := post(t, s, "/v1/identify-user", `{"id":"u1","email":"a@x","plan":"pro"}`)
	contact, _ := s.Contact("u1", "")
	created.is(t, 201, `{"message":"ok","contact_uuid":"`+contact.UUID+`"}`)
	post(t, s, "/v1/identify-user", `{"id":"u1"}`).is(t, 200, created.body)
	if got := created.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
}

func TestCallsThatAreInvalid(t *testing.T) {
	const needsUser = `{"message":"An id or an email is required."}`
	tests := []struct {
		name   string
		r      request
		status int
		body   string
	}{
		{"identify nobody", request{"POST", "/v1/identify-user", `{"plan":"pro"}`, nil}, 422, needsUser},
		{"identify with empty names", request{"POST", "/v1/identify-user", `{"id":"","email":null}`, nil}, 422, needsUser},
		{"identify with a uuid only", request{"POST", "/v1/identify-user", `{"uuid":"x"}`, nil}, 422, needsUser},
		{"identify, userId is no id", request{"POST", "/v1/identify-user", `userId=u1`, nil}, 422, needsUser},
		{"identify, id is an object", request{"POST", "/v1/identify-user", `{"id":{"a":1}}`, nil}, 422, `{"message":"The id must be a string."}`},
		{"identify, email is a list", request{"POST", "/v1/identify-user", `{"id":"u","email":["a@x"]}`, nil}, 422, `{"message":"The email must be a string."}`},
		{"identify, account is text", request{"POST", "/v1/identify-user", `{"id":"u","account":"Acme"}`, nil}, 422, `{"message":"The account must be an object."}`},
		{"identify without a body", request{"POST", "/v1/identify-user", ``, nil}, 422, needsUser},
		{"track nobody", request{"POST", "/v1/track-event", `{"event":"e"}`, nil}, 422, needsUser},
		{"track nothing", request{"POST", "/v1/track-event", `{"id":"u"}`, nil}, 422, `{"message":"The event field is required."}`},
		{"track an empty name", request{"POST", "/v1/track", `{"id":"u","event":""}`, nil}, 422, `{"message":"The event field is required."}`},
		{"track an object", request{"POST", "/v1/track", `{"id":"u","event":{"a":1}}`, nil}, 422, `{"message":"The event field is required."}`},
		{"contact of nobody", request{"GET", "/v1/contact", ``, nil}, 422, `{"message":"An id, an email or a uuid is required."}`},
		{"unknown contact", request{"GET", "/v1/contact?id=u", ``, nil}, 404, `{"message":"The contact does not exist."}`},
		{"delete an unknown contact", request{"DELETE", "/v1/contact?uuid=u", ``, nil}, 404, `{"message":"The contact does not exist."}`},
		{"segment of nobody", request{"POST", "/v1/sync-segment", `{"segment_uuid":"s"}`, nil}, 422, needsUser},
		{"segment without a name", request{"POST", "/v1/sync-segment", `{"id":"u"}`, nil}, 422, `{"message":"The segment uuid field is required."}`},
		{"segment of an unknown contact", request{"DELETE", "/v1/sync-segment", `{"id":"u","segment_uuid":"s"}`, nil}, 404, `{"message":"The contact does not exist."}`},
		{"broken JSON", request{"POST", "/v1/identify-user", `{"id":`, nil}, 400, `{"message":"The body is not a JSON object."}`},
		{"more after the JSON", request{"POST", "/v1/identify-user", `{"id":"u"} x`, nil}, 400, `{"message":"The body is not a JSON object."}`},
		{"JSON that is no object", request{"POST", "/v1/identify-user", `["id"]`, map[string]string{"Content-Type": "application/json"}}, 400, `{"message":"The body is not a JSON object."}`},
		{"a body in another language", request{"POST", "/v1/identify-user", `id=u`, map[string]string{"Content-Type": "text/plain"}}, 422, needsUser},
		{"too large", request{"POST", "/v1/identify-user", `{"id":"` + strings.Repeat("x", 1<<10) + `"}`, nil}, 413, `{"message":"The body is too large."}`},
		{"unknown path", request{"POST", "/v1/identify", `{"id":"u"}`, nil}, 404, `{"message":"The route /v1/identify could not be found."}`},
		{"wrong method", request{"GET", "/v1/identify-user", ``, nil}, 405, `{"message":"The method GET is not supported for this route."}`},
		{"page 0", request{"GET", "/v1/contacts?page=0", ``, nil}, 422, `{"message":"The page must be at least 1."}`},
		{"page length 1001", request{"GET", "/v1/contacts?page_length=1001", ``, nil}, 422, `{"message":"The page length must be between 1 and 1000."}`},
		{"page length in words", request{"GET", "/v1/contacts?page_length=ten", ``, nil}, 422, `{"message":"The page length must be between 1 and 1000."}`},
		{"strange cursor", request{"GET", "/v1/contacts?page_cursor=!", ``, nil}, 422, `{"message":"The page cursor is not valid."}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{MaxBody: 1 << 10})
			call(t, s, tt.r).is(t, tt.status, tt.body)
			if contacts := s.Contacts(); len(contacts) > 0 {
				t.Errorf("stored %v", contacts)
			}
		})
	}
}

// The same parameters have the same effect from the query, a form and JSON, but for the kinds of
// values.
func TestParametersFromEverywhere(t *testing.T) {
	for name, r := range map[string]request{
		"query":           {path: "/v1/identify-user?id=u1&email=a%40x&plan=pro&account[id]=a1&account[name]=Acme"},
		"form":            {path: "/v1/identify-user", body: "id=u1&email=a%40x&plan=pro&account%5Bid%5D=a1&account[name]=Acme"},
		"JSON":            {path: "/v1/identify-user", body: `{"id":"u1","email":"a@x","plan":"pro","account":{"id":"a1","name":"Acme"}}`},
		"JSON, no type":   {path: "/v1/identify-user", body: ` {"id":"u1","email":"a@x","plan":"pro","account":{"id":"a1","name":"Acme"}}`, header: map[string]string{"Content-Type": ""}},
		"form, no type":   {path: "/v1/identify-user", body: `id=u1&email=a@x&plan=pro&account[id]=a1&account[name]=Acme`, header: map[string]string{"Content-Type": ""}},
		"query and JSON":  {path: "/v1/identify-user?id=u1&plan=free", body: `{"email":"a@x","plan":"pro","account":{"id":"a1","name":"Acme"}}`},
		"charset, suffix": {path: "/v1/identify-user?id=u1", body: `{"email":"a@x","plan":"pro","account":{"id":"a1","name":"Acme"}}`, header: map[string]string{"Content-Type": "application/vnd.api+json; charset=utf-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{})
			r.method = "POST"
			if got := call(t, s, r); got.status != 201 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			contact, _ := s.Contact("u1", "a@x")
			same(t, map[string]any{"plan": "pro"}, contact.Attributes)
			same(t, map[string]any{"name": "Acme"}, contact.Account.Attributes)
			same(t, []string{"u1", "a@x", "a1"}, []string{contact.ID(), *contact.Email, contact.Account.ID()})
		})
	}
}

func TestNamesOfTraits(t *testing.T) {
	num := func(s string) any { return json.Number(s) }
	tests := []struct {
		name string
		in   string
		want map[string]any
	}{
		{"plain", `"plan":"pro"`, map[string]any{"plan": "pro"}},
		{"nested object", `"address":{"city":"Kyoto","state":{"name":"Kyoto Fu"}}`, map[string]any{"address_city": "Kyoto", "address_state_name": "Kyoto Fu"}},
		{"userId is an attribute, not the id", `"userId":"x"`, map[string]any{"user_id": "x"}},
		{"words", `"firstName":1,"Last Name":2,"postal-code":3,"a.b":4,"HTTPCode":5,"ID":6,"x2Y":7,"__a":8,"Straße":9`,
			map[string]any{"first_name": num("1"), "last_name": num("2"), "postal_code": num("3"), "a_b": num("4"),
				"http_code": num("5"), "id": num("6"), "x2_y": num("7"), "__a": num("8"), "straße": num("9")}},
		{"kinds of values", `"n":12345678901234567890,"f":1.0,"t":true,"l":["a",1,{"b":null}],"z":0,"no":false`,
			map[string]any{"n": num("12345678901234567890"), "f": num("1.0"), "t": true, "z": num("0"), "no": false,
				"l": []any{"a", num("1"), map[string]any{"b": nil}}}},
		{"empty values set nothing", `"a":"","b":null,"c":[],"d":{}`, map[string]any{}},
		{"deeper than anyone needs", strings.Repeat(`"a":{`, 32) + `"b":1` + strings.Repeat(`}`, 32),
			map[string]any{"a" + strings.Repeat("_a", 31): map[string]any{"b": num("1")}}},
		{"two names for one", `"userId":1,"user_id":2`, map[string]any{"user_id": num("2")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{})
			accept(t, s, "/v1/identify-user", `{"id":"u1",`+tt.in+`}`)
			contact, _ := s.Contact("u1", "")
			same(t, tt.want, contact.Attributes)
			same(t, "u1", contact.ID())
		})
	}
}

func TestTraitsAreUpdatedAndCleared(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1","a":"1","b":"1","c":"1","d":["1"],"e":{"f":"1","g":"1"},"account":{"id":"a1","x":"1","y":"1"}}`)
	accept(t, s, "/v1/identify-user", `{"id":"u1","a":"2","b":"","c":null,"d":[],"e":{"f":""},"account":{"x":"","z":"2"}}`)
	contact, _ := s.Contact("u1", "")
	same(t, map[string]any{"a": "2", "e_g": "1"}, contact.Attributes)
	same(t, map[string]any{"y": "1", "z": "2"}, contact.Account.Attributes)
	same(t, "a1", contact.Account.ID())
}

func TestAccountsAreShared(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1","account":{"id":"a1","name":"Acme","billing":{"planName":"pro"}}}`)
	accept(t, s, "/v1/identify-user", `{"id":"u2","account":{"id":"a1","domain":"acme.test"}}`)
	accept(t, s, "/v1/identify-user", `{"id":"u3","account":{"name":"No id"}}`)
	accept(t, s, "/v1/identify-user", `{"id":"u4","account":{}}`)
	accept(t, s, "/v1/identify-user", `id=u4&account=`)
	u1, _ := s.Contact("u1", "")
	u2, _ := s.Contact("u2", "")
	u3, _ := s.Contact("u3", "")
	u4, _ := s.Contact("u4", "")
	same(t, u1.Account, u2.Account)
	same(t, map[string]any{"name": "Acme", "billing_plan_name": "pro", "domain": "acme.test"}, u1.Account.Attributes)
	same(t, []string{"Acme", "acme.test"}, []string{u1.Account.DisplayName, *u1.Account.Domain})
	if u3.Account.ID() != "" || u3.Account.DisplayName != "No id" || u4.Account != nil {
		t.Errorf("got %+v and %+v", u3.Account, u4.Account)
	}
	accept(t, s, "/v1/identify-user", `{"id":"u2","account":{"id":"a2"}}`)
	moved, _ := s.Contact("u2", "")
	same(t, "a2", moved.Account.ID())
}

// One id and one email for each contact, and each of them at one contact only.
func TestIdAndEmailMeetAtOneContact(t *testing.T) {
	type contact struct{ id, email, traits string }
	tests := []struct {
		name  string
		calls []string
		want  []contact
	}{
		{"both at once", []string{`{"id":"1","email":"a","t":1}`}, []contact{{"1", "a", "t"}}},
		{"a number is an id, too", []string{`{"id":1}`, `{"id":"1","t":1}`}, []contact{{"1", "", "t"}}},
		{"and so is a boolean", []string{`{"id":true}`, `{"id":"true","t":1}`, `{"id":false}`}, []contact{{"true", "", "t"}, {"false", "", ""}}},
		{"email added to an id", []string{`{"id":"1","t":1}`, `{"id":"1","email":"a"}`}, []contact{{"1", "a", "t"}}},
		{"id added to an email", []string{`{"email":"a","t":1}`, `{"id":"1","email":"a"}`}, []contact{{"1", "a", "t"}}},
		{"found by either afterwards", []string{`{"id":"1","email":"a"}`, `{"id":"1","t":1}`, `{"email":"a","s":1}`}, []contact{{"1", "a", "s,t"}}},
		{"the email's case does not matter", []string{`{"email":"A@X","t":1}`, `{"email":"a@x"}`}, []contact{{"", "a@x", "t"}}},
		{"a new email replaces the old one", []string{`{"id":"1","email":"a"}`, `{"id":"1","email":"b"}`, `{"email":"a","t":1}`}, []contact{{"1", "b", ""}, {"", "a", "t"}}},
		{"an email moves to the other id", []string{`{"id":"1","email":"a","t":1}`, `{"id":"2","email":"a","s":1}`}, []contact{{"1", "", "t"}, {"2", "a", "s"}}},
		{"a contact without an id becomes part of the one with it", []string{`{"id":"1","t":1}`, `{"email":"a","s":1}`, `{"id":"1","email":"a","r":1}`}, []contact{{"1", "a", "r,s,t"}}},
		{"two who have nothing in common", []string{`{"id":"1"}`, `{"email":"a"}`}, []contact{{"1", "", ""}, {"", "a", ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := refinertest.New(refinertest.Options{})
			for _, body := range tt.calls {
				accept(t, s, "/v1/identify-user", body)
			}
			var got []contact
			for _, c := range s.Contacts() {
				var names []string
				for _, name := range []string{"r", "s", "t"} {
					if c.Attributes[name] != nil {
						names = append(names, name)
					}
				}
				email := ""
				if c.Email != nil {
					email = *c.Email
				}
				got = append(got, contact{c.ID(), email, strings.Join(names, ",")})
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMergedContactKeepsEverything(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"email":"a","both":"email's","account":{"id":"a1"}}`)
	accept(t, s, "/v1/track-event", `{"email":"a","event":"first"}`)
	accept(t, s, "/v1/sync-segment", `{"email":"a","segment_uuid":"s1"}`)
	accept(t, s, "/v1/identify-user", `{"id":"1","both":"id's"}`)
	accept(t, s, "/v1/track-event", `{"id":"1","event":"second"}`)
	before, _ := s.Contact("", "a")
	accept(t, s, "/v1/track-event", `{"id":"1","email":"a","event":"third"}`)
	got, _ := s.Contact("1", "")
	same(t, []string{"first", "second", "third"}, got.EventNames())
	same(t, map[string]any{"both": "id's"}, got.Attributes)
	same(t, "a1", got.Account.ID())
	same(t, "s1", got.Segments[0].UUID)
	same(t, int64(3), got.EventCount)
	same(t, before.FirstSeenAt, got.FirstSeenAt)
	get(t, s, "/v1/contact?uuid="+before.UUID).is(t, 404, `{"message":"The contact does not exist."}`)
}

func TestTrackStoresTheEventAndNothingElse(t *testing.T) {
	s := refinertest.New(refinertest.Options{MaxEvents: 3})
	for i, path := range []string{"/v1/track-event", "/v1/track", "/v1/track-event", "/v1/track-event"} {
		body := fmt.Sprintf(`{"id":"u1","email":"a@x","event":"e%d","price":"5.67","account":{"id":"a1"}}`, i)
		post(t, s, path, body).is(t, 200, `{"message":"ok"}`)
	}
	got, ok := s.Contact("u1", "")
	if !ok || *got.Email != "a@x" || len(got.Attributes) != 0 || got.Account != nil {
		t.Errorf("got %+v", got)
	}
	same(t, []string{"e1", "e2", "e3"}, got.EventNames())
	same(t, int64(4), got.EventCount)
}

func TestGetContact(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1","email":"a@x","name":"Alex","n":1.50,"account":{"id":"a1"}}`)
	accept(t, s, "/v1/sync-segment", `{"email":"a@x","segment_uuid":"s1"}`)
	byID := get(t, s, "/v1/contact?id=u1")
	contact := decode[map[string]any](t, byID)
	for name, want := range map[string]any{"remote_id": "u1", "email": "a@x", "display_name": "Alex"} {
		same(t, want, contact[name])
	}
	for _, name := range []string{"uuid", "first_seen_at", "last_seen_at", "attributes", "segments", "account"} {
		if contact[name] == nil {
			t.Errorf("%s is missing in %s", name, byID.body)
		}
	}
	if !strings.Contains(byID.body, `"n":1.50`) {
		t.Errorf("the number has changed in %s", byID.body)
	}
	get(t, s, "/v1/contact?email=A@x").is(t, 200, byID.body)
	get(t, s, "/v1/contact?uuid="+contact["uuid"].(string)).is(t, 200, byID.body)
}

func TestDeleteContact(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1","email":"a@x"}`)
	accept(t, s, "/v1/identify-user", `{"id":"u2"}`)
	call(t, s, request{method: "DELETE", path: "/v1/contact?email=a@x"}).is(t, 200, `{"message":"ok"}`)
	for _, query := range []string{"id=u1", "email=a@x"} {
		if got := get(t, s, "/v1/contact?"+query); got.status != 404 {
			t.Errorf("%s: got %d", query, got.status)
		}
	}
	same(t, 1, len(s.Contacts()))
}

func TestSegments(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1"}`)
	for _, uuid := range []string{"s1", "s2", "s1"} {
		accept(t, s, "/v1/sync-segment", `{"id":"u1","segment_uuid":"`+uuid+`"}`)
	}
	call(t, s, request{method: "DELETE", path: "/v1/sync-segment", body: "id=u1&segment_uuid=s1"}).is(t, 200, `{"message":"ok"}`)
	got, _ := s.Contact("u1", "")
	if len(got.Segments) != 1 || got.Segments[0].UUID != "s2" {
		t.Errorf("got %v", got.Segments)
	}
}

func TestPagesOfContacts(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	for i := range 7 {
		accept(t, s, "/v1/identify-user", fmt.Sprintf(`{"id":"u%d"}`, i))
	}
	type list struct {
		Items      []refinertest.Contact
		Pagination struct {
			ItemsCount     int    `json:"items_count"`
			CurrentPage    int    `json:"current_page"`
			ItemsPerPage   int    `json:"items_per_page"`
			LastPage       int    `json:"last_page"`
			NextPageCursor string `json:"next_page_cursor"`
		}
	}
	page := func(query string) (string, list) {
		t.Helper()
		l := decode[list](t, get(t, s, "/v1/contacts"+query))
		var ids []string
		for _, c := range l.Items {
			ids = append(ids, c.ID())
		}
		return strings.Join(ids, " "), l
	}
	for query, want := range map[string]string{
		"":                                       "u0 u1 u2 u3 u4 u5 u6",
		"?page_length=3":                         "u0 u1 u2",
		"?page_length=3&page=3":                  "u6",
		"?page_length=3&page=4":                  "",
		"?page_length=3&page=922337203685477580": "",
	} {
		if got, _ := page(query); got != want {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
	_, first := page("?page_length=3")
	same(t, []int{7, 1, 3, 3}, []int{first.Pagination.ItemsCount, first.Pagination.CurrentPage, first.Pagination.ItemsPerPage, first.Pagination.LastPage})

	// A cursor goes on after the last contact that was seen, whatever has been deleted before it.
	call(t, s, request{method: "DELETE", path: "/v1/contact?id=u1"})
	got, second := page("?page_length=3&page_cursor=" + first.Pagination.NextPageCursor)
	same(t, "u3 u4 u5", got)
	got, third := page("?page_length=3&page_cursor=" + second.Pagination.NextPageCursor)
	same(t, "u6", got)
	same(t, "", third.Pagination.NextPageCursor)
}

func TestMaxContacts(t *testing.T) {
	s := refinertest.New(refinertest.Options{MaxContacts: 1})
	accept(t, s, "/v1/identify-user", `{"id":"u1"}`)
	accept(t, s, "/v1/identify-user", `{"id":"u1","a":1}`)
	for _, path := range []string{"/v1/identify-user", "/v1/track-event"} {
		if got := post(t, s, path, `{"id":"u2","event":"e"}`); got.status != 507 {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	same(t, 1, len(s.Contacts()))
}

func TestAccountOfTheKey(t *testing.T) {
	s := refinertest.New(refinertest.Options{})
	accept(t, s, "/v1/identify-user", `{"id":"u1"}`)
	got := decode[map[string]any](t, get(t, s, "/v1/account"))
	if got["plan"] == nil || got["environments"] == nil || fmt.Sprint(got["usage"]) != "map[page_views:0 survey_responses:0 tracked_users:1]" {
		t.Errorf("got %v", got)
	}
}
