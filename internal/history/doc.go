// Package history looks back into the journal: what an event becomes by the mapping, what became of a user's events,
// and how past events are sent again.
//
// It reads the journal and decides nothing about delivery. What it sends again goes the normal way.
package history
