package lease

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MemberInfo is what a member tells the others of itself.
type MemberInfo struct {
	// Name is the member's own, one in the group: letters, digits, - and _.
	Name string `json:"name"`
	// Address is where its operators' API listens.
	Address string `json:"address,omitempty"`
	// Version is what it runs.
	Version string `json:"version,omitempty"`
	// Config is a digest of its configuration: members whose digests differ are configured differently.
	Config string `json:"config,omitempty"`
	// Started is when the process was started, by its own clock.
	Started time.Time `json:"started,omitzero"`
	// Items are what it can hold, sorted.
	Items []string `json:"items"`
}

// memberRecord is a member in the bucket, under member.<name>.
type memberRecord struct {
	MemberInfo
	Session string `json:"session"` // from its joining until its leaving, or until it is not heard of any more
	Beat    uint64 `json:"beat"`    // counts signs of life
	Leaving bool   `json:"leaving,omitempty"`
}

// leaseRecord is a lease in the bucket, under the item's name.
type leaseRecord struct {
	Session string          `json:"session,omitempty"` // of the holder; "" if it was released
	Member  string          `json:"member,omitempty"`  // the holder, or the last one
	Epoch   uint64          `json:"epoch"`             // grows with each holder
	Since   time.Time       `json:"since,omitzero"`    // when it was acquired or released, by the member's clock
	For     string          `json:"for,omitempty"`     // who is to have it after a release
	Note    json.RawMessage `json:"note,omitempty"`    // what the holder wants others and its successor to know
}

const memberPrefix = "member."

func memberKey(name string) string { return memberPrefix + name }

// MaxNote bounds what a holder may note, in bytes.
const MaxNote = 64 << 10

var (
	validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	validItem = regexp.MustCompile(`^[a-z]+\.[A-Za-z0-9_-]{1,64}$`)
)

// ValidName says whether a member can have this name: 1 to 64 letters, digits, - and _.
func ValidName(name string) bool { return validName.MatchString(name) }

// checkItems says which names of items are none: they are a kind, a dot and a name, as in destination.production.
func checkItems(items []string) error {
	for _, item := range items {
		if !validItem.MatchString(item) || strings.HasPrefix(item, memberPrefix) {
			return fmt.Errorf("%q cannot be the name of an item", item)
		}
	}
	return nil
}
