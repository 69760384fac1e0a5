package mapping

import (
	"errors"
	"fmt"

	"tanker/event"
)

// ParseRudderConfig reads the attribute mappings from the Config of a RudderStack destination, in JSON:
//
//	{"userAttributesMapping":[{"from":"age","to":"years"}],"accountAttributesMapping":[]}
//
// A nil config stands for a destination without one. It is as tolerant as rudder-transformer: what is no list maps nothing, an entry without a from is passed
// over, numbers count as names. The profile is left open. The error says that config is not JSON.
func ParseRudderConfig(config []byte) (Settings, error) {
	if config == nil {
		return Settings{faults: faults{config: "undefined"}}, nil
	}
	var bad *event.ParseError
	e, err := event.Parse(config, event.Limits{})
	switch {
	case errors.As(err, &bad) && bad.Found == event.Null:
		return Settings{faults: faults{config: "null"}}, nil
	case errors.Is(err, event.ErrNotObject):
		return Settings{}, nil
	case err != nil:
		return Settings{}, fmt.Errorf("destination config: %w", err)
	}
	s := Settings{}
	s.UserAttributes, s.faults.user = rudderRenames(e.Get("userAttributesMapping"))
	s.AccountAttributes, s.faults.account = rudderRenames(e.Get("accountAttributesMapping"))
	return s, nil
}

// rudderRenames reads a list of mappings. A null among them stops rudder-transformer.
func rudderRenames(list event.Value) (renames []Rename, null bool) {
	for entry := range list.Elements() {
		null = null || entry.IsNull()
		from := entry.Get("from")
		if from.Kind() <= event.Null {
			continue
		}
		renames = append(renames, Rename{From: rudderName(from), To: rudderName(entry.Get("to"))})
	}
	return renames, null
}

// rudderName is a name as JavaScript makes one of any value.
func rudderName(v event.Value) string {
	if !v.Exists() {
		return "undefined"
	}
	text, ok := jsText(nil, v)
	if !ok {
		return ""
	}
	return string(text)
}
