// Package mapping turns RudderStack messages into calls to Refiner's REST API.
//
// A Mapper is a pure function of an event: no I/O, no clock, no state. By the profile Documented the values of
// an event reach the call byte for byte; Upstream gives what rudder-transformer makes of it, number formats
// included. What cannot be mapped comes back as a *Refusal with a stable code.
package mapping
