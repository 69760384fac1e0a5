package refiner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// User names one contact. One of the fields is enough.
type User struct {
	ID    string // the id it was identified with
	Email string
	UUID  string // Refiner's own; for Contact and DeleteContact only
}

func (u User) query() (string, error) {
	q := url.Values{}
	for name, value := range map[string]string{"id": u.ID, "email": u.Email, "uuid": u.UUID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return "", errors.New("refiner: a contact needs an id, an email or a uuid")
	}
	return q.Encode(), nil
}

// Contact is a contact to create or to update. It needs an ID or an Email.
type Contact struct {
	ID    string
	Email string

	// Traits are set on the contact, the others it has stay. An empty value clears a trait. The names
	// id, email, uuid, account and api_key are not allowed.
	Traits map[string]any

	// Account links the contact to an account, by its "id", and sets the account's traits. Optional.
	Account map[string]any
}

func (c Contact) body() ([]byte, error) {
	fields, err := identity(c.ID, c.Email)
	if err != nil {
		return nil, err
	}
	for name, value := range c.Traits {
		switch name {
		case "id", "email", "uuid", "account", "api_key":
			return nil, fmt.Errorf("refiner: a trait cannot be named %q", name)
		}
		fields[name] = value
	}
	if len(c.Account) > 0 {
		fields["account"] = c.Account
	}
	return encode(fields)
}

// Event is something that a user did. It needs a Name, and an ID or an Email.
type Event struct {
	ID    string
	Email string
	Name  string
}

func (e Event) body() ([]byte, error) {
	fields, err := identity(e.ID, e.Email)
	if err != nil {
		return nil, err
	}
	if e.Name == "" {
		return nil, errors.New("refiner: an event needs a name")
	}
	fields["event"] = e.Name
	return encode(fields)
}

func identity(id, email string) (map[string]any, error) {
	fields := map[string]any{}
	if id != "" {
		fields["id"] = id
	}
	if email != "" {
		fields["email"] = email
	}
	if len(fields) == 0 {
		return nil, errors.New("refiner: a user needs an id or an email")
	}
	return fields, nil
}

func encode(fields map[string]any) ([]byte, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("refiner: encoding a body: %w", err)
	}
	return body, nil
}

// Project is the Refiner environment that an API key belongs to.
type Project struct {
	UUID    string `json:"project_uuid"`
	Name    string `json:"project_name"` // such as "Production"
	Message string `json:"message"`
}

// ContactRecord is a contact as Refiner keeps it.
type ContactRecord struct {
	UUID        string                     `json:"uuid"`
	RemoteID    string                     `json:"remote_id"` // the id it was identified with
	Email       string                     `json:"email"`
	DisplayName string                     `json:"display_name"`
	FirstSeenAt string                     `json:"first_seen_at"`
	LastSeenAt  string                     `json:"last_seen_at"`
	Attributes  map[string]json.RawMessage `json:"attributes"` // by their names in snake case
	Segments    []Segment                  `json:"segments"`
	Account     *AccountRecord             `json:"account"`
}

// Segment is a group of contacts in Refiner.
type Segment struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

// AccountRecord is the account that a contact belongs to, as Refiner keeps it.
type AccountRecord struct {
	UUID        string                     `json:"uuid"`
	RemoteID    string                     `json:"remote_id"`
	Domain      string                     `json:"domain"`
	DisplayName string                     `json:"display_name"`
	Attributes  map[string]json.RawMessage `json:"attributes"`
}

// Identify creates or updates a contact. Sending the same twice has the effect of once.
func (c *Client) Identify(ctx context.Context, contact Contact) error {
	return c.post(ctx, "/v1/identify-user", contact.body)
}

// Track counts an event of a user, who is created if unknown. Sending the same twice counts twice.
func (c *Client) Track(ctx context.Context, event Event) error {
	return c.post(ctx, "/v1/track-event", event.body)
}

func (c *Client) post(ctx context.Context, path string, encode func() ([]byte, error)) error {
	body, err := encode()
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, Request{Method: http.MethodPost, Path: path, Body: body})
	return err
}

// Verify asks whether the API key is accepted, and to which project it belongs.
func (c *Client) Verify(ctx context.Context) (Project, error) {
	var p Project
	err := c.get(ctx, "/v1/", &p)
	return p, err
}

// Account returns plan, usage and limits of the Refiner account, as Refiner writes them.
func (c *Client) Account(ctx context.Context) (json.RawMessage, error) {
	var raw json.RawMessage
	err := c.get(ctx, "/v1/account", &raw)
	return raw, err
}

// Contact returns one contact.
func (c *Client) Contact(ctx context.Context, user User) (ContactRecord, error) {
	var record ContactRecord
	query, err := user.query()
	if err != nil {
		return record, err
	}
	err = c.get(ctx, "/v1/contact?"+query, &record)
	return record, err
}

// DeleteContact deletes a contact together with its survey responses.
func (c *Client) DeleteContact(ctx context.Context, user User) error {
	query, err := user.query()
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, Request{Method: http.MethodDelete, Path: "/v1/contact?" + query})
	return err
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	r := Request{Method: http.MethodGet, Path: path}
	answer, err := c.do(ctx, r, maxRecord)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return &Error{
			Class:   ClassUnexpected,
			Op:      operation(r),
			Status:  answer.Status,
			Message: "the answer cannot be read: " + err.Error(),
			Body:    answer.Body,
			Err:     err,
		}
	}
	return nil
}
