package backfill

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// CSV reads a table: a header, and rows that each make an identify call of the user and, if the row names a group, a
// group call.
type CSV struct {
	in      *csv.Reader
	header  []string
	columns []column
	number  int
}

// NewCSV reads the header of a table. rules say where columns go that do not go to the trait of their name; see
// columnsOf. A byte order mark is passed over.
func NewCSV(in io.Reader, rules []string) (*CSV, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buffered.Discard(len(mark)) // they are in the buffer
	}
	r := csv.NewReader(buffered)
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: the first line of a table names its columns")
	}
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	columns, err := columnsOf(header, rules)
	if err != nil {
		return nil, err
	}
	r.ReuseRecord = true
	return &CSV{in: r, header: header, columns: columns}, nil
}

// Header is the names of the columns.
func (c *CSV) Header() []string { return c.header }

// Columns says, for people, where each column goes.
func (c *CSV) Columns() []string {
	list := make([]string, 0, len(c.columns))
	for i, col := range c.columns {
		where := "left out"
		if col.target != nowhere {
			where = col.String()
			if col.kind != "" && col.kind != "text" {
				where += " (" + col.kind + ")"
			}
		}
		list = append(list, c.header[i]+" → "+where)
	}
	return list
}

// Next reads a row.
func (c *CSV) Next() (Row, error) {
	record, err := c.in.Read()
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	c.number++
	row := Row{Number: c.number, Raw: record}
	if len(record) > 0 {
		row.Line, _ = c.in.FieldPos(0)
	}
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		row.Line, row.Problem = bad.StartLine, bad.Err.Error()
		return row, nil
	case err != nil:
		return row, fmt.Errorf("read row %d: %w", c.number, err)
	case len(record) != len(c.columns):
		row.Problem = fmt.Sprintf("%d fields, the header names %d", len(record), len(c.columns))
		return row, nil
	case slices.ContainsFunc(record, func(field string) bool { return !utf8.ValidString(field) }):
		row.Problem = "not UTF-8: save the table in that encoding"
		return row, nil
	}
	row.Events, err = c.events(record)
	if err != nil {
		row.Problem = err.Error()
	}
	return row, nil
}

// events makes a row's calls. Empty fields are left out.
func (c *CSV) events(record []string) ([][]byte, error) {
	var user, group string
	traits, account := []byte("{"), []byte("{")
	for i, col := range c.columns {
		text := record[i]
		if text == "" {
			continue
		}
		var err error
		switch col.target {
		case toUserID:
			user = text
		case toGroupID:
			group = text
		case toTrait:
			traits, err = member(traits, col, text)
		case toAccount:
			account, err = member(account, col, text)
		}
		if err != nil {
			return nil, err
		}
	}
	traits, account = append(traits, '}'), append(account, '}')
	if user == "" && !hasEmail(c.columns, record) {
		return nil, errors.New("neither a user id nor an email")
	}
	events := [][]byte{userEvent("identify", user, `"traits":`+string(traits))}
	switch {
	case group != "" && user != "":
		events = append(events, userEvent("group", user, `"groupId":`+string(appendText(nil, group))+`,"traits":`+string(account)))
	case group != "" || len(account) > len("{}"):
		return nil, errors.New("an account needs both a user id and a group id")
	}
	return events, nil
}

func hasEmail(columns []column, record []string) bool {
	for i, c := range columns {
		if c.target == toTrait && c.name == "email" && strings.TrimSpace(record[i]) != "" {
			return true
		}
	}
	return false
}

func member(object []byte, c column, text string) ([]byte, error) {
	if len(object) > 1 {
		object = append(object, ',')
	}
	object = append(appendText(object, c.name), ':')
	return c.encode(object, text)
}

// userEvent writes an event. One of a user without an id is tied to nobody but the email in its traits, yet the gateway
// wants an id of some kind: an anonymous one.
func userEvent(kind, user, rest string) []byte {
	out := append([]byte(`{"type":"`), kind...)
	if user != "" {
		out = appendText(append(out, `","userId":`...), user)
	} else {
		out = append(out, `","anonymousId":"import"`...)
	}
	out = append(out, ',')
	out = append(out, rest...)
	return append(out, '}')
}
