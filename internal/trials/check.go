package trials

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Check compares what arrived with what was answered 200: nothing is missing, and each user's events are in order. It returns
// how many calls came again.
func Check(t testing.TB, f *Refiner, tr *Traffic) (repeats int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.strange {
		t.Error(call)
	}
	for u := range tr.Answered {
		want := int(tr.Answered[u].Load())
		n, err := InOrder(f.arrived[User(u)], want)
		if err != nil {
			t.Errorf("%s: %v", User(u), err)
		}
		repeats += n
		f.checkContact(t, u, want)
	}
	return repeats
}

// InOrder wants every event from 0 on to have arrived in order. A call may come again, but then all that came
// after it must come again too, so that what the last one says stands. It returns how many calls came again.
func InOrder(calls [][]int, want int) (repeats int, err error) {
	last := -1
	for at, call := range calls {
		if call[0] <= last {
			repeats++
		}
		for n, i := range call {
			if i > last+1 || n > 0 && i != last+1 {
				return repeats, fmt.Errorf("event %d came after %d: …%v", i, last, calls[max(0, at-10):min(at+10, len(calls))])
			}
			last = i
		}
	}
	if last != want-1 {
		return repeats, fmt.Errorf("the last event that arrived is %d of %d: …%v", last, want, calls[max(0, len(calls)-10):])
	}
	return repeats, nil
}

// checkContact wants the contact to say what the user's last identify said.
func (f *Refiner) checkContact(t testing.TB, u, events int) {
	t.Helper()
	last := events - 1
	for last >= 0 && last%5 != 2 {
		last--
	}
	if last < 0 {
		return
	}
	contact, _ := f.Sandbox.Contact(User(u), "")
	if got := fmt.Sprint(contact.Attributes["last"]); got != fmt.Sprint(last) {
		t.Errorf("%s: the contact's last is %s, want %d", User(u), got, last)
	}
}

// MostInAMinute is the largest number of calls that came in within any minute.
func (f *Refiner) MostInAMinute() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	came := slices.Clone(f.came)
	slices.SortFunc(came, time.Time.Compare)
	most, from := 0, 0
	for i := range came {
		for came[i].Sub(came[from]) >= time.Minute {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// Arrived is what arrived of a user: the events of each call that had its effect, in order.
func (f *Refiner) Arrived(user string) [][]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.arrived[user])
}
