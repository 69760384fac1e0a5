// Package event reads RudderStack messages.
//
// A message is parsed once from its bytes. Nothing is decoded that nobody asks for and nothing is
// ever re-encoded: a value taken out of an event is the very bytes that came in, so an integer of
// twenty digits, 1.0 and the order of keys survive. The package does no I/O and knows nothing of
// HTTP, of Refiner or of how events are stored.
package event
