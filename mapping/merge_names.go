package mapping

import "tanker/event"

// maxMergedDepth is how deep the objects of traits may nest in calls that are merged.
const maxMergedDepth = 8

// traitNames are the names that the traits of two calls have at Refiner, which writes them in snake case and flattens
// nested objects: userId becomes user_id, and the city of an address address_city. How it does that in every case
// is not known, so a name stands here for all that it might become: its letters and digits alone. Two traits
// that are called the same by that measure may be one at Refiner, and then their order counts.
type traitNames struct {
	special parts
	seen    map[string]traitName
	call    int // whose traits are being added
	unclear bool
}

// traitName is where a trait stands in its call, and in which of the two calls.
type traitName struct {
	path  string
	calls int
}

// add takes the traits of one of the calls, which is 1 or 2. It returns false if it is not certain that each trait
// has a name of its own, and the same one in both calls.
func (n *traitNames) add(object event.Value, call int) bool {
	n.call = call
	for name, value := range object.Members() {
		if _, ok := n.special[name]; !ok {
			n.enter("", "", name, value, 1)
		}
	}
	return !n.unclear
}

// enter notes one trait, or those of an object, below a path.
func (n *traitNames) enter(path, short, name string, value event.Value, depth int) {
	shortened, ok := shorten(name)
	if !ok || depth > maxMergedDepth || len(n.seen) > maxMergedNames {
		n.unclear = true
	}
	if n.unclear {
		return
	}
	path += "\x00" + name
	short += shortened
	empty := true
	if value.Kind() == event.Object {
		for inner, v := range value.Members() {
			empty = false
			n.enter(path, short, inner, v, depth+1)
		}
	}
	if empty {
		n.note(path, short)
	}
}

func (n *traitNames) note(path, short string) {
	switch short {
	case "id", "email", "uuid", "account", "apikey":
		n.unclear = true // it may be taken for more than a trait
		return
	}
	known, ok := n.seen[short]
	if ok && (known.path != path || known.calls&n.call != 0) {
		n.unclear = true
		return
	}
	n.seen[short] = traitName{path, known.calls | n.call}
}

// shorten leaves the letters and digits of a name, in lower case. It says no to a name that has other characters than
// those which names are usually put together from, and to one without letters: sent as a form, an object whose names
// are numbers is a list.
func shorten(name string) (string, bool) {
	short := make([]byte, 0, len(name))
	letters := false
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			short = append(short, c|0x20)
			letters = true
		case '0' <= c && c <= '9':
			short = append(short, c)
		case c == '_', c == '-', c == '.', c == ' ':
		default:
			return "", false
		}
	}
	return string(short), letters
}
