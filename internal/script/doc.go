// Package script runs the transformations that people write for RudderStack: JavaScript that gets an event and returns
// it, another one, several, or none. It knows events and nothing of where they come from or go to.
//
// A Runner belongs to one script and is safe for concurrent use. It keeps a child process, because the engine (goja)
// has no bound for memory and cannot be interrupted inside of a built-in function: what a script does wrong ends in its
// own process, which has an empty environment and no keys. The child gets one event after the other through a
// pipe, with a runtime of its own for each, so nothing can pass from one event to the next.
//
// # What is bounded
//
//   - Time: Limits.Time of the child's processor time for each event. A script that is interrupted gives a Failure with
//     the line; one that hangs in a built-in function (a regular expression, say) is ended with its process. A process
//     that does not answer at all, which needs a stopped machine, is ended after Limits.Patience.
//   - Memory: Limits.Memory of live objects, looked at every few milliseconds; a single allocation beyond it is refused by
//     the system (on Linux), which ends the process. Garbage counts until it is collected.
//   - Depth of calls, size and number of the events that are returned, what is logged, size of scripts and libraries.
//
// # Values that the script does not touch
//
// Numbers are doubles in JavaScript and members change their order. What a script leaves as it was is therefore taken
// from the event's own bytes afterwards; see restore.
package script
