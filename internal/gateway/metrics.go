package gateway

// Metrics counts requests. Its methods are called from many goroutines.
type Metrics interface {
	// Accepted counts a request whose events the journal has: the source's name, the number of events and the bytes
	// of the body, decompressed.
	Accepted(source string, events, bytes int)
	// Suppressed counts events that were answered 200 and not kept, because their users are suppressed.
	Suppressed(source string, events int)
	// Refused counts an answer other than 200 to a request for an event endpoint. reason is one of a small fixed set of codes,
	// such as "invalid_json"; source is "" if it is not known.
	Refused(source, reason string, status int)
}

// noMetrics counts nothing.
type noMetrics struct{}

func (noMetrics) Accepted(string, int, int)   {}
func (noMetrics) Suppressed(string, int)      {}
func (noMetrics) Refused(string, string, int) {}
