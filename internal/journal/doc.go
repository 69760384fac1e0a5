// Package journal keeps events durably between the gateway and the destinations.
//
// It is built on NATS JetStream, embedded in the process. What a caller has to know:
//
//   - Append returns nil once the events are on disk. Concurrent calls for a source share one write (group
//     commit): whatever waits while a write is on its way goes out as the next one, so an idle system
//     has no delay and a busy one few writes. One write is one stream message, called a pack.
//   - A Cursor is a destination's place in the journal. It hands out unfinished events in the order
//     they were accepted and takes back what became of them.
//   - Finish writes outcomes to a stream of its own before it returns. That stream is the truth about what
//     is finished; the cursor that is saved about once a second is only a shortcut to its end. So a crash
//     repeats nothing whose Finish had returned.
//   - Park moves events that must wait because of their user to a stream of their own, and Unpark brings them back in
//     that user's order. They are pending all the while.
//   - Erase blanks events and leaves their places, so that neither order nor counts change.
//   - Nothing unfinished is ever deleted. The janitor deletes what every destination has finished and
//     what is older than the retention.
//
// Streams: EVENTS (subjects events.<source>.<writer> and replay.<destination>.<writer>), OUTCOMES
// (outcomes.<destination>), DEAD (dead.<destination>.<position>), PARKED (parked.<destination>.<user>), REWRITTEN
// (rewritten.<sequence in EVENTS>), ERASING (erasing.<job>.<part>), and the key-value buckets CURSORS, COUNTS, PAUSED, MEMORIES,
// REPLAYS, ERASURES and SUPPRESSED.
//
// The package knows nothing of HTTP, of mapping or of Refiner.
package journal
