package mapping

// UpstreamError is a refusal of the Upstream profile in rudder-transformer's own words. A *Refusal unwraps to it.
type UpstreamError struct {
	Message  string // the error's text
	Status   int    // the status code beside it: 400 if the event is at fault, 500 if the code failed on it
	Category string // statTags.errorCategory
	Type     string // statTags.errorType; "" if there is none
}

// Error is the text alone.
func (e *UpstreamError) Error() string { return e.Message }

// instrumentation is what rudder-transformer calls an event that was sent wrongly.
func instrumentation(outcome, reason, message string) *Refusal {
	return &Refusal{Outcome: outcome, Reason: reason, Message: shortened(message), upstream: &UpstreamError{
		Message: message, Status: 400, Category: "dataValidation", Type: "instrumentation",
	}}
}

// exception is any other error: the JavaScript failed.
func exception(message string) *Refusal {
	return &Refusal{Outcome: Rejected, Reason: ReasonMalformed, Message: message, upstream: &UpstreamError{
		Message: message, Status: 500, Category: "transformation",
	}}
}

// tooWide is not rudder-transformer's, which would take the memory.
const tooWide = "The traits are a text or a list that is too long"

// nullEntry is what a null among the attribute mappings ends in.
const nullEntry = "Cannot read properties of null (reading 'from')"

// faults are what is wrong with a destination's Config for rudder-transformer. It notices when an event
// comes that needs the Config.
type faults struct {
	config        string // "null" or "undefined" if that is what the Config is
	user, account bool   // the mappings hold a null
}

// noConfig is the error of code that wants a property of a Config that is not there.
func (f faults) noConfig(property string) *Refusal {
	return exception("Cannot destructure property '" + property + "' of 'destination.Config' as it is " + f.config + ".")
}
