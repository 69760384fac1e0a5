package event

// node is one value of a document: a member of an object, an event, or an element of an array.
// Offsets count from the start of the document's data.
type node struct {
	keyStart, keyEnd uint32 // the member's name with its quotes; both 0 if the value has no name
	start, end       uint32 // the value
	next             uint32 // index of the first node that is not inside this value
	kind             Kind
	escaped          bool // the value is a string with escapes
	keyEscaped       bool // the name has escapes
}

// document is scanned input: the bytes, and a node for each value that can be asked for, in the
// order of the bytes. What stands inside an array has no nodes; it is scanned when asked for.
type document struct {
	data  []byte
	nodes []node
}

// nodesFor is the capacity to start with for that many bytes of JSON: a member of a usual event, name and
// value, takes 22 bytes and more. Its node takes 24.
func nodesFor(bytes int) int { return bytes/20 + 4 }

// find returns the last member of the object at index that is named key, or 0 if there is none:
// no member can stand at 0.
func (d *document) find(object uint32, key string) uint32 {
	var found uint32
	for i, end := object+1, d.nodes[object].next; i < end; {
		n := &d.nodes[i]
		// Names of another length are passed over without a look at them.
		if (n.keyEscaped || int(n.keyEnd-n.keyStart) == len(key)+2) && d.keyIs(n, key) {
			found = i
		}
		i = n.next
	}
	return found
}

// keyIs reports whether the member n is named key.
func (d *document) keyIs(n *node, key string) bool {
	if n.keyEscaped {
		return unquote(d.data[n.keyStart:n.keyEnd]) == key
	}
	return string(d.data[n.keyStart+1:n.keyEnd-1]) == key
}

// key returns the decoded name of the member at index.
func (d *document) key(i uint32) string {
	n := &d.nodes[i]
	if n.keyEscaped {
		return unquote(d.data[n.keyStart:n.keyEnd])
	}
	return string(d.data[n.keyStart+1 : n.keyEnd-1])
}

// sameKey reports whether the members at a and b have the same name.
func (d *document) sameKey(a, b uint32) bool {
	m, n := &d.nodes[a], &d.nodes[b]
	if m.keyEscaped || n.keyEscaped {
		return d.key(a) == d.key(b)
	}
	return m.keyEnd-m.keyStart == n.keyEnd-n.keyStart &&
		string(d.data[m.keyStart:m.keyEnd]) == string(d.data[n.keyStart:n.keyEnd])
}
