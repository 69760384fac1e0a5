package transformer

import "tanker/event"

// without is an object less the member at a path.
func without(object event.Value, path []string) []byte {
	if len(path) == 1 {
		return changed(object, path[0], nil)
	}
	return changed(object, path[0], func(v event.Value) []byte { return without(v, path[1:]) })
}

// replaced is an object with another value of a member that it has.
func replaced(object event.Value, name string, value []byte) []byte {
	return changed(object, name, func(event.Value) []byte { return value })
}

// changed is an object with a member changed, or without it if there is no function.
func changed(object event.Value, name string, change func(event.Value) []byte) []byte {
	out := append(make([]byte, 0, len(object.Raw())+16), '{')
	for key, value := range object.Fields() {
		switch {
		case !key.Is(name):
			out = append(append(appendName(out, key), ':'), value.Raw()...)
		case change != nil:
			out = append(append(appendName(out, key), ':'), change(value)...)
		}
	}
	return append(out, '}')
}

// with is an object with a member set: in its place if it is there, else at the end. What is no object is an empty one.
func with(object event.Value, name string, value []byte) []byte {
	if object.Get(name).Exists() {
		return replaced(object, name, value)
	}
	out := append(make([]byte, 0, len(object.Raw())+len(name)+len(value)+8), '{')
	for key, v := range object.Fields() {
		out = append(append(appendName(out, key), ':'), v.Raw()...)
	}
	if len(out) > 1 {
		out = append(out, ',')
	}
	return append(append(append(appendString(out, name), ':'), value...), '}')
}

// appendName writes a member's name, with a comma before it unless it is the first.
func appendName(out []byte, name event.Value) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(out, name.Raw()...)
}
