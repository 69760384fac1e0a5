package mapping

// object is a JSON object in the making: everything but its closing brace.
type object []byte

// newObject begins an object with room for that many bytes and for a few names.
func newObject(size int) object {
	return append(make(object, 0, size+64), '{')
}

// add appends a member. Both name, with its quotes, and value are JSON.
func (o object) add(name string, value []byte) object {
	if len(o) > 1 {
		o = append(o, ',')
	}
	o = append(o, name...)
	o = append(o, ':')
	return append(o, value...)
}

func (o object) addTrait(t trait) object {
	if len(o) > 1 {
		o = append(o, ',')
	}
	o = append(o, t.name...)
	o = append(o, ':')
	return append(o, t.value.Raw()...)
}

// end closes the object.
func (o object) end() []byte { return append(o, '}') }
