package mapping

import "bytes"

// Names of traits that must not become parameters of a call, because Refiner would read them as something
// else than a trait. JSON keeps names apart as they are, but a call may also be sent as a form, and there
// Refiner's server takes a name for less than it is: what follows a bracket or a NUL is an index or lost, and
// spaces before it are dropped. So "id[]" and " email" are the id and the email once more.

// reserved reports whether a user's trait of this name, in JSON, would be read as the id, the email or an API
// key, or would reach into the account.
func reserved(name []byte) bool {
	name = decoded(name)
	switch base := formBase(name); string(base) {
	case "id", "email":
		return true
	case "account":
		return len(base) != len(name)
	default:
		return isAPIKey(base)
	}
}

// reservedOfAccount reports whether an account's trait of this name would be read as its id, though it is not
// called so.
func reservedOfAccount(name []byte) bool {
	name = decoded(name)
	base := formBase(name)
	return string(base) == "id" && len(base) != len(name)
}

// formBase is the part of a form field's name that counts for its place.
func formBase(name []byte) []byte {
	name = bytes.TrimLeft(name, " ")
	for i, c := range name {
		if c == '[' || c == ']' || c == 0 {
			return name[:i]
		}
	}
	return name
}

// isAPIKey reports whether a name is api_key in any spelling: apiKey, API-KEY, api.key. Refiner itself writes
// names in snake case, and a form turns dots and spaces into underscores. What is called so is a secret in any
// case, and not for Refiner.
func isAPIKey(name []byte) bool {
	rest := "apikey"
	for _, c := range name {
		switch c {
		case '_', '-', '.', ' ':
			continue
		}
		if rest == "" || c|0x20 != rest[0] {
			return false
		}
		rest = rest[1:]
	}
	return rest == ""
}
