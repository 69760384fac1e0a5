package script

import (
	"strconv"

	"github.com/dop251/goja"
)

// maxBytes is how large an event may be, and what an event becomes together.
const maxBytes = 64 << 20

// collect writes what the script returned: an object, a list of them, or nothing.
func (r *run) collect(returned goja.Value) ([][]byte, *Failure) {
	list, isList := returned.(*goja.Object)
	isList = isList && list.ClassName() == "Array"
	switch {
	case isList:
		return r.collectList(list)
	case r.program.entry == forBatch:
		return nil, failure("%s: %s returned %s, want a list of events", r.program.name, forBatch, kind(returned))
	case goja.IsUndefined(returned), goja.IsNull(returned):
		return nil, nil
	}
	one, failed := r.written(returned)
	if failed != nil {
		return nil, failed
	}
	return [][]byte{one}, nil
}

func (r *run) collectList(list *goja.Object) ([][]byte, *Failure) {
	size := list.Get("length").ToInteger()
	if size > maxEvents {
		return nil, failure("%s: %s returned %d events, at most %d are possible", r.program.name, r.program.entry, size, maxEvents)
	}
	var events [][]byte
	total := 0
	for i := range int(size) {
		one, failed := r.written(list.Get(strconv.Itoa(i)))
		if failed != nil {
			return nil, failed
		}
		if total += len(one); total > maxBytes {
			return nil, failure("%s: %s returned events of more than %d bytes", r.program.name, r.program.entry, maxBytes)
		}
		events = append(events, one)
	}
	return events, nil
}

// written is an event as JSON, as JSON.stringify writes it.
func (r *run) written(v goja.Value) ([]byte, *Failure) {
	o, ok := v.(*goja.Object)
	if !ok || o.ClassName() != "Object" {
		return nil, failure("%s: %s returned %s where an event should be", r.program.name, r.program.entry, kind(v))
	}
	text, err := r.write(nil, v)
	if err != nil {
		return nil, explain(r.program.name, err)
	}
	if goja.IsUndefined(text) { // an object whose toJSON says so
		return nil, failure("%s: %s returned undefined where an event should be", r.program.name, r.program.entry)
	}
	return []byte(text.String()), nil
}

// kind names what a value is, for people.
func kind(v goja.Value) string {
	if o, ok := v.(*goja.Object); ok {
		switch name := o.ClassName(); name {
		case "Array":
			return "a list"
		case "Function", "Date", "RegExp", "Map", "Set", "Error":
			return "a " + name
		default:
			return "an object of the class " + name
		}
	}
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return v.String()
	}
	return "a " + v.ExportType().String()
}
