package mapping

import "tanker/event"

type faults struct{}

// UpstreamError is a refusal in rudder-transformer's own words.
type UpstreamError struct{ Message string }

func (e *UpstreamError) Error() string { return e.Message }

func newUpstream(s Settings) *Mapper { return &Mapper{profile: Upstream, faults: s.faults} }

func (m *Mapper) mapUpstream(e *event.Event) (Call, error) {
	return Call{}, unsupportedType(e)
}
