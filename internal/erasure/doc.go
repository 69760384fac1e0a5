// Package erasure erases users: what the journal holds of them, and their contacts at Refiner; and it sees to it that nothing
// of them is taken any more.
//
// An erasure is a job. It goes on after a restart, and leaves a record that says what was done and does not say of whom. It
// goes in rounds, because names lead to names: a user id to the emails that its events carry, an email to the contact that
// has it, and that one's id. A round
//
//   - searches the log for the user's other names, and suppresses them;
//   - waits until no call of the user is under way, and nothing of the user is parked;
//   - deletes the contacts at the destinations, as far as they can be called;
//   - blanks the events in the log, and deletes the dead letters.
//
// When no destination is left, and no request of before the suppression can be under way, everything is searched once more:
// nothing may be found. Then the names are overwritten.
//
// Whose an event is, see Identity; which names are taken for the same user's, see names.go.
package erasure
