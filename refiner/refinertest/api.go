package refinertest

import (
	"encoding/base64"
	"net/http"
	"strconv"
)

const (
	projectUUID   = "5a1dba00-0000-4000-8000-000000000001"
	maxPageLength = 1000
	pageLength    = 50 // (assumed)
)

// route is a path's handlers by method.
type route map[string]func(*call) answer

func (s *Sandbox) api() map[string]route {
	track := route{"POST": s.track}
	project := route{"GET": s.project}
	return map[string]route{
		"/v1":               project,
		"/v1/":              project,
		"/v1/account":       {"GET": s.account},
		"/v1/identify-user": {"POST": s.identify},
		"/v1/track-event":   track,
		"/v1/track":         track, // the older name
		"/v1/contact":       {"GET": s.contact, "DELETE": s.deleteContact},
		"/v1/contacts":      {"GET": s.contacts},
		"/v1/sync-segment":  {"POST": s.joinSegment, "DELETE": s.leaveSegment},
	}
}

func invalid(message string) answer { return failure(http.StatusUnprocessableEntity, message) }

func (s *Sandbox) project(*call) answer {
	return encoded(http.StatusOK, map[string]string{
		"project_uuid": projectUUID,
		"project_name": s.options.ProjectName,
		"message":      "Authentication successful",
	})
}

// account answers in a shape of its own: only what it is about is known.
func (s *Sandbox) account(*call) answer {
	s.store.mu.Lock()
	users := len(s.store.order)
	s.store.mu.Unlock()
	return encoded(http.StatusOK, map[string]any{
		"plan":         "sandbox",
		"usage":        map[string]int{"tracked_users": users, "page_views": 0, "survey_responses": 0},
		"limits":       map[string]int{"tracked_users": s.options.MaxContacts, "page_views": 0, "survey_responses": 0},
		"environments": []map[string]string{{"uuid": projectUUID, "name": s.options.ProjectName}},
	})
}

// identity checks that a call names a user by id or email, and that both are plain values.
func (c *call) identity() *answer {
	for _, name := range []string{"id", "email"} {
		switch c.params[name].(type) {
		case map[string]any, []any:
			return problem(http.StatusUnprocessableEntity, "The "+name+" must be a string.")
		}
	}
	if c.id() == "" && c.email() == "" {
		return problem(http.StatusUnprocessableEntity, "An id or an email is required.")
	}
	return nil
}

func (s *Sandbox) identify(c *call) answer {
	if bad := c.identity(); bad != nil {
		return *bad
	}
	fields, hasAccount := c.params["account"].(map[string]any)
	if !hasAccount && !isEmpty(c.params["account"]) {
		return invalid("The account must be an object.")
	}
	traits := traitsOf(c.params, "id", "email", "account", "api_key")
	accountTraits := traitsOf(fields, "id")

	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	contact, created, err := s.store.upsert(c.id(), c.email(), c.at)
	if err != nil {
		return failure(http.StatusInsufficientStorage, err.Error())
	}
	apply(contact.attributes, traits)
	if len(fields) > 0 {
		s.store.link(contact, text(fields["id"]), accountTraits)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return answer{status: status, body: []byte(`{"message":"ok","contact_uuid":"` + contact.uuid + `"}`)}
}

func isEmpty(v any) bool {
	list, ok := v.([]any)
	return v == nil || v == "" || ok && len(list) == 0
}

// track counts an event. Whatever else the call carries is not stored.
func (s *Sandbox) track(c *call) answer {
	if bad := c.identity(); bad != nil {
		return *bad
	}
	event := text(c.params["event"])
	if event == "" {
		return invalid("The event field is required.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	contact, _, err := s.store.upsert(c.id(), c.email(), c.at)
	if err != nil {
		return failure(http.StatusInsufficientStorage, err.Error())
	}
	contact.track(event, c.at, s.options.MaxEvents)
	return accepted
}

// known runs f, under the lock, on the contact that the call is about.
func (s *Sandbox) known(c *call, f func(*contact) answer) answer {
	if c.user() == "" {
		return invalid("An id, an email or a uuid is required.")
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	contact := s.store.find(c.id(), c.email(), c.uuid())
	if contact == nil {
		return failure(http.StatusNotFound, "The contact does not exist.")
	}
	return f(contact)
}

func (s *Sandbox) contact(c *call) answer {
	return s.known(c, func(contact *contact) answer { return encoded(http.StatusOK, contact.view()) })
}

func (s *Sandbox) deleteContact(c *call) answer {
	return s.known(c, func(contact *contact) answer {
		s.store.remove(contact)
		return accepted
	})
}

func (s *Sandbox) joinSegment(c *call) answer {
	return s.segment(c, func(contact *contact, uuid string) {
		contact.join(Segment{UUID: uuid, Name: uuid, CreatedAt: c.at, UpdatedAt: c.at})
	})
}

func (s *Sandbox) leaveSegment(c *call) answer {
	return s.segment(c, func(contact *contact, uuid string) { contact.leave(uuid) })
}

// segment accepts any uuid: there is no other way to make a segment here.
func (s *Sandbox) segment(c *call, change func(*contact, string)) answer {
	if bad := c.identity(); bad != nil {
		return *bad
	}
	uuid := text(c.params["segment_uuid"])
	if uuid == "" {
		return invalid("The segment uuid field is required.")
	}
	return s.known(c, func(contact *contact) answer {
		change(contact, uuid)
		return accepted
	})
}

// page is what a list of contacts says about itself (assumed: the names).
type page struct {
	ItemsCount     int    `json:"items_count"`
	CurrentPage    int    `json:"current_page"`
	ItemsPerPage   int    `json:"items_per_page"`
	LastPage       int    `json:"last_page"`
	NextPageCursor string `json:"next_page_cursor"`
}

func (s *Sandbox) contacts(c *call) answer {
	length, ok := positive(c.params["page_length"], pageLength)
	if !ok || length > maxPageLength {
		return invalid("The page length must be between 1 and 1000.")
	}
	number, ok := positive(c.params["page"], 1)
	if !ok {
		return invalid("The page must be at least 1.")
	}
	after, ok := readCursor(text(c.params["page_cursor"]))
	if !ok {
		return invalid("The page cursor is not valid.")
	}
	items, p := s.store.page(number, length, after)
	return encoded(http.StatusOK, map[string]any{"items": items, "pagination": p})
}

// page returns one page of contacts: the one after the contact with the number after, if there is one,
// else the page of this number.
func (s *store) page(number, length int, after int64) ([]Contact, page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := len(s.order)
	last := max(1, (total+length-1)/length)
	begin := total
	if number <= last {
		begin = (number - 1) * length
	}
	if after > 0 {
		begin = s.index(after + 1)
		number = begin/length + 1
	}
	items := make([]Contact, 0, min(length, total))
	for _, contact := range s.order[begin:min(total, begin+length)] {
		items = append(items, contact.view())
	}
	p := page{ItemsCount: total, CurrentPage: number, ItemsPerPage: length, LastPage: last}
	if end := begin + len(items); end < total {
		p.NextPageCursor = cursor(s.order[end-1].number)
	}
	return items, p
}

func positive(v any, otherwise int) (int, bool) {
	if v == nil || v == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(text(v))
	return n, err == nil && n > 0
}

// cursor is opaque to callers: it holds the number of the last contact they got.
func cursor(number int64) string {
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, number, 10))
}

// readCursor returns 0 if there is no cursor.
func readCursor(cursor string) (int64, bool) {
	if cursor == "" {
		return 0, true
	}
	plain, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, false
	}
	number, err := strconv.ParseInt(string(plain), 10, 62)
	return number, err == nil && number > 0
}
