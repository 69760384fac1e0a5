// Package delivery brings the events of one destination from the journal to Refiner: a Worker for each
// destination. It knows users, limits and what answers mean for an event. It knows nothing of HTTP, of how
// events are stored or of how they become calls: those are its Log, Client and Mapper.
//
// # What it promises
//
//   - Every event that the Log hands out gets exactly one outcome: delivered, filtered, rejected or dead.
//   - The events of a user are delivered in the order they were accepted, one call at a time. A user is whom
//     the call names: its id, else its email.
//   - At no time do more than MaxConcurrency calls exist whose outcome is not on disk. A crash repeats those
//     at most, whole or the end of what they brought; nothing else but a timeout, where nobody knows whether the
//     call arrived, repeats a call.
//   - As Refiner counts, no minute holds more calls than KeyPerMinute, nor more of a user than UserPerMinute.
//     At least 95 % of a limit are used when there is enough to deliver and calls take under a second or two.
//     What was called before a restart counts as far as Options.Recent tells.
//   - Memory is bounded by WindowEvents and WindowBytes, however long the backlog is.
//   - No user makes others wait: not by sending much, nor by calls that fail or wait for the user's limit.
//
// # How an event goes
//
// The reader takes events from the Log, maps them and hands them to the scheduler as long as the window
// has room. An event that the mapping refuses has its outcome at once. The others queue in their user's lane.
// Lanes whose first event may be called are ready, and are served in turn. A call starts when the key's
// limit allows it and a place is free; callers make the calls, each in its goroutine, and say what the answer
// means. An event with an outcome goes to the recorder, which stores outcomes in batches: whatever comes
// while one batch is being stored is the next one. Its lane goes on in the meantime, but its place among
// the MaxConcurrency is free only when the outcome is on disk.
//
// One goroutine, the scheduler, owns all that decides: lanes, limits, places. So there are no locks on the
// way of an event but those of a few mailboxes.
//
// # Several calls of one event
//
// A Transformer may make several calls of an event, all of one user. They are made one after the other, from the head of the
// lane, each counted and limited like any other call, and the event has its outcome after the last, or with the first that
// is refused for good. An event some of whose calls have been made is not parked. But only outcomes are on disk: after a
// crash or a stop in the middle, all calls of the event are made again. They are neither merged nor skipped.
//
// # Parking
//
// Events that must wait because of their user do not stay in memory. They are parked: the parker moves them to a place
// of their own in the Log, and brings them back in order, a few at a time, when the user's turn has come. A user is
// parked when the next call has to wait for half a minute or more, or, while the window is more than half full, for a
// second or more; and a user with more than a few dozen events in a window that is more than half full keeps only the one
// whose turn it is. As long as a user has parked events, new ones are parked behind them.
//
// A user's events are therefore, in order: some in memory, the rest parked. An event in memory that was brought back is still
// parked as far as the Log is concerned, so when its user has to wait again it is just let go. One that never was
// parked stays in memory once later ones are: behind them it would be out of order. That is seldom more than one.
//
// Of a parked user memory holds the key, the times of the calls that count, and what is remembered of the first event's
// attempts. Events on their way to the Log count as part of the window; those brought back may take a quarter of it
// beside. After a start the Log tells of parked users where their first parked event stood among the others; until it has
// told of all nobody is parked, because what is parked now would come behind what was parked then.
//
// While the destination takes no calls at all, nobody is parked: it is not their users that events wait for. If
// the Log has no room for parked events, or cannot store them, they wait in the window.
//
// # Merging
//
// When a call starts, the events right behind its own in the lane go along, as far as Options.Merge makes one call of
// all. They are out of the lane meanwhile. When the call succeeds each gets its outcome, which names the event whose
// call it was; otherwise they are put back and the call is made again with them, or with more. The attempts are
// those of the call's own event. If Refiner condemns the whole, its events are called one by one and nothing is
// attempted but that: one of them may be at fault, or none. Nothing ever waits to be merged.
//
// # Skipping
//
// With SkipUnchanged the worker knows, of a bounded number of contacts, the latest call that set traits and the latest that
// set an account. An event whose call equals one of them has its outcome without a call when its turn has come. A call that
// starts first has everything forgotten that it might change. Nothing of it is believed after a crash.
//
// # Suppression
//
// Events of a user who is suppressed have the outcome filtered, suppressed; they are not even mapped. Who is suppressed while
// the worker runs: what is in memory has its outcome within a second or so, but for the calls under way, whose events get
// it when they have ended without success. Parked events are brought back for it.
//
// # Limits
//
// A call may reach Refiner at any moment between its start and its end. It is therefore counted from
// its start until a minute after its end; then no minute of Refiner's can hold too many, wherever it begins. For
// the key the calls are also spread over the minute, after a small burst. Idle users cost nothing: a user is
// forgotten a minute after the last call.
//
// A 429 comes nevertheless when others use the same key. It is obeyed for as long as Retry-After says, a minute if it
// says nothing, and costs no attempt. It holds up the user if that user has made more than half of the user's limit
// within the last minute, and everyone otherwise.
//
// # Concurrency
//
// How many calls are made at once follows from the answer time. While calls wait for a place the worker
// tries a larger number, and now and then a smaller one, compares what gets through, and keeps what pays. It
// starts at 16 and reaches 256 within a second or so if answers take 150 ms; an API that answers at once
// keeps only a few calls under way.
//
// # When things go wrong
//
//   - No answer, a timeout, 408, 5xx, and answers that are not Refiner's: the event is tried again after 1 to
//     2 seconds, then after twice that, up to 2.5 to 5 minutes; its user waits. When RetryFor has passed since the
//     first attempt it becomes a dead letter, retry_window_passed. The Log keeps attempts and times for after
//     a restart.
//   - Ten such calls in a row, of three users or more and within a minute: the circuit opens. No call is made and no
//     attempt spent, those of these ten and of the calls under way neither. The destination is asked after a second,
//     2, 4, up to 30, each a little less by chance. When it answers one call tries, which is an attempt again, and then
//     delivery goes on. One or two users whose calls fail never open it.
//   - 429: see above.
//   - The API key is refused: nothing is wrong with any event. The destination is blocked, no attempt is spent,
//     and the key is verified after 5 seconds, 10, 20, then every 30. When it is accepted one call tries, and then delivery
//     goes on.
//   - Any other 4xx condemns the event: it becomes a dead letter, refused_<status>, which holds the event, the call, the
//     answer, and when it was tried.
//   - An operator pauses the worker: no call starts, no probe either, until it is resumed.
//   - The mapping breaks down over an event: a dead letter, mapping_failed.
//   - The journal cannot be read or written: it is tried again until it can. At most MaxConcurrency calls
//     are made meanwhile.
//   - The journal has been taken over by another process: the worker ends.
//
// User ids and what Refiner says about an event are personal data. They are in dead letters and nowhere in the log,
// which names an event by position and message id.
package delivery
