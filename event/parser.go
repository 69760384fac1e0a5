package event

// Parser reads bodies that hold many messages among other things, one after the other into the same memory. The
// zero Parser is ready for use. What it returned is invalid as soon as it reads the next body.
type Parser struct{ scanner scanner }

// outerLists is how deep an array may stand to have its elements kept: at the top, or in an object at the top.
const outerLists = 2

// Parse reads any JSON value: strict JSON in valid UTF-8, as the function Parse does. It keeps data and does not
// copy it. The elements of an array at the top, and of those that are members of an object at the top, are kept
// ready, so that going through them costs nothing; each may have Limits.MaxKeys keys. MaxEvents does not count.
// The error is always a *ParseError.
func (p *Parser) Parse(data []byte, limits Limits) (Value, error) {
	s := &p.scanner
	nodes := s.nodes[:0]
	*s = scanner{lists: outerLists}
	if !s.start(data, limits) {
		s.nodes = nodes
		return Value{}, s.err
	}
	if s.nodes = nodes; cap(nodes) == 0 {
		s.nodes = make([]node, 0, nodesFor(len(data)))
	}
	root, ok := s.root()
	if !ok || !s.finish() {
		return Value{}, s.err
	}
	return Value{doc: &s.document, index: root}, nil
}
