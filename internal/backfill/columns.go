package backfill

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// target is where a column's values go.
type target int

const (
	nowhere target = iota
	toUserID
	toGroupID
	toTrait
	toAccount
)

// column says what becomes of one column.
type column struct {
	target target
	name   string // of the trait
	kind   string // text, number, bool or json
}

// Names of columns that are understood without being told.
var (
	userIDColumns  = []string{"userid", "user_id", "id"}
	groupIDColumns = []string{"groupid", "group_id", "accountid", "account_id"}
)

// accountPrefix begins the names of columns with traits of the account.
const accountPrefix = "account."

// kinds are what a value can be read as.
var kinds = []string{"text", "number", "bool", "json"}

// columnsOf reads a header and what the user says of it: rules like "plan_name=plan", "seats=seats:number",
// "company=account.name", "ref=userId" or "notes=" for a column that is left out.
func columnsOf(header, rules []string) ([]column, error) {
	told := make(map[string]string, len(rules))
	for _, rule := range rules {
		from, to, ok := strings.Cut(rule, "=")
		if !ok || from == "" {
			return nil, fmt.Errorf("--map %q: want COLUMN=TRAIT, like plan_name=plan", rule)
		}
		if !slices.Contains(header, from) {
			return nil, fmt.Errorf("--map %q: there is no column %q; there are: %s", rule, from, strings.Join(header, ", "))
		}
		if _, twice := told[from]; twice {
			return nil, fmt.Errorf("--map %q: column %q is mapped twice", rule, from)
		}
		told[from] = to
	}
	columns := make([]column, len(header))
	for i, name := range header {
		to, ok := told[name]
		if !ok {
			to = name
		}
		c, err := columnFor(to)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		columns[i] = c
	}
	return columns, checkColumns(header, columns)
}

// columnFor understands where a column goes: "userId", "groupId", "account.name", "seats:number", "plan".
func columnFor(to string) (column, error) {
	name, kind, typed := strings.Cut(to, ":")
	if !typed {
		kind = "text"
	}
	if !slices.Contains(kinds, kind) {
		return column{}, fmt.Errorf("%q is no kind of value; there are: %s", kind, strings.Join(kinds, ", "))
	}
	lower := strings.ToLower(name)
	switch account, ok := strings.CutPrefix(name, accountPrefix); {
	case name == "":
		return column{}, nil
	case slices.Contains(userIDColumns, lower):
		return column{target: toUserID}, nil
	case slices.Contains(groupIDColumns, lower):
		return column{target: toGroupID}, nil
	case ok && account != "":
		return column{toAccount, account, kind}, nil
	}
	return column{toTrait, name, kind}, nil
}

func checkColumns(header []string, columns []column) error {
	seen := map[column]string{}
	identified := false
	for i, c := range columns {
		if c.target == nowhere {
			continue
		}
		same := column{target: c.target, name: c.name}
		if other, ok := seen[same]; ok {
			return fmt.Errorf("columns %q and %q both go to %s; name one of them in --map", other, header[i], same)
		}
		seen[same] = header[i]
		identified = identified || c.target == toUserID || c.target == toTrait && c.name == "email"
	}
	if !identified {
		return fmt.Errorf("no column says who a row is about: name one userId or email, or say with --map which it is, like --map ref=userId")
	}
	return nil
}

// String names where a column goes, for people.
func (c column) String() string {
	switch c.target {
	case toUserID:
		return "userId"
	case toGroupID:
		return "groupId"
	case toAccount:
		return accountPrefix + c.name
	}
	return c.name
}

// encode appends a value as JSON. It fails if the text is not of the column's kind.
func (c column) encode(dst []byte, text string) ([]byte, error) {
	switch c.kind {
	case "number":
		text = strings.TrimSpace(text)
		if !json.Valid([]byte(text)) || strings.IndexByte("-0123456789", text[0]) < 0 {
			return nil, fmt.Errorf("%s: %q is no number", c, text)
		}
		return append(dst, text...), nil
	case "bool":
		b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
		if err != nil {
			return nil, fmt.Errorf("%s: %q is neither true nor false", c, text)
		}
		return strconv.AppendBool(dst, b), nil
	case "json":
		if !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("%s: %q is not JSON", c, text)
		}
		return append(dst, text...), nil
	}
	return appendText(dst, text), nil
}

// appendText writes a JSON string.
func appendText(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
