package server

import (
	"context"
	"encoding/json"
	"time"

	"tanker/internal/admin"
	"tanker/internal/delivery"
)

// workerState is what a worker says of itself, as far as operators ask for it.
type workerState struct {
	State          string            `json:"state"`
	Reason         string            `json:"reason,omitempty"`
	Since          time.Time         `json:"since,omitzero"`
	Until          time.Time         `json:"until,omitzero"`
	LastDelivered  time.Time         `json:"lastDelivered,omitzero"`
	Calls          map[string]uint64 `json:"calls,omitempty"`
	InFlight       int               `json:"inFlight,omitempty"`
	Concurrency    int               `json:"concurrency,omitempty"`
	UsersParked    int               `json:"usersParked,omitempty"`
	LettersWaiting int               `json:"lettersWaiting,omitempty"`
	Obeyed         uint64            `json:"obeyed,omitempty"`     // version of the list of suppressed users
	Suppressed     int               `json:"suppressed,omitempty"` // events of these that are under way
}

func stateOf(w delivery.State) workerState {
	return workerState{
		State: string(w.Status), Reason: w.Reason, Since: w.Since, Until: w.Until, LastDelivered: w.LastDelivered,
		Calls: w.Calls, InFlight: w.InFlight, Concurrency: w.Concurrency,
		UsersParked: w.UsersParked, LettersWaiting: w.LettersWaiting,
		Obeyed: w.Obeyed, Suppressed: w.Suppressed,
	}
}

// stateTaken is the state of a destination between two processes.
const stateTaken = "changing hands"

// state is what the worker of a destination says, here or in another process. It says false if the destination is switched off.
func (f *fleet) state(l *line) (workerState, bool) {
	if worker := l.worker(); worker != nil {
		return stateOf(worker.State()), true
	}
	if !l.delivers() || f.keeper == nil {
		return workerState{}, false
	}
	h := f.keeper.Holding(itemDestination + l.config.Name)
	var n note
	if h.Member == "" || h.Note == nil || json.Unmarshal(h.Note, &n) != nil {
		return workerState{State: stateTaken, Reason: "no process delivers to it at the moment", Since: h.Since}, true
	}
	return n.State, true
}

// status says how a destination stands.
func (f *fleet) status(ctx context.Context, l *line) (admin.DestinationStatus, error) {
	place, err := f.journal.Status(ctx, l.config.Name)
	if err != nil {
		return admin.DestinationStatus{}, err
	}
	s := admin.DestinationStatus{
		Name: l.config.Name, Enabled: l.config.Enabled, State: stateDisabled,
		Accepted: place.Accepted, Pending: place.Pending, Parked: place.Parked, Retrying: place.Retrying,
		Totals: place.Totals, OldestPending: place.Oldest, KeyPerMinute: l.config.Limits.KeyPerMinute,
	}
	if f.keeper != nil {
		h := f.keeper.Holding(itemDestination + l.config.Name)
		s.Owner, s.OwnedSince = h.Member, h.Since
	}
	w, runs := f.state(l)
	if !runs {
		return s, nil
	}
	s.State, s.Reason, s.Since, s.Until = w.State, w.Reason, w.Since, w.Until
	s.LastDelivered, s.Calls, s.InFlight, s.Concurrency = w.LastDelivered, w.Calls, w.InFlight, w.Concurrency
	s.UsersParked, s.LettersWaiting = w.UsersParked, w.LettersWaiting
	if l.config.Drops() && w.State == string(delivery.StatusIdle) {
		s.State, s.Reason = stateDisabled, "what comes in is dropped"
	}
	return s, nil
}

// trouble says why nothing is delivered to the destination at the moment; "" if it is, or if there is nothing to deliver.
func (f *fleet) trouble(l *line) string {
	w, runs := f.state(l)
	if !runs {
		return stateDisabled
	}
	switch delivery.Status(w.State) {
	case delivery.StatusDelivering, delivery.StatusWaiting, delivery.StatusIdle:
		return ""
	default:
		if w.Reason == "" {
			return w.State
		}
		return w.State + ": " + w.Reason
	}
}

// members are the processes on the cluster; none if the journal is not on one.
func (f *fleet) members() []admin.MemberStatus {
	if f.keeper == nil {
		return nil
	}
	own := digestOf(f.config)
	group := f.keeper.Group()
	all := make([]admin.MemberStatus, len(group.Members))
	for i, m := range group.Members {
		all[i] = admin.MemberStatus{
			Name: m.Name, Admin: m.Address, Version: m.Version, Started: m.Started, Leaving: m.Leaving,
			Silent: m.Silent.Round(100 * time.Millisecond).Seconds(), Config: m.Config, Differs: m.Config != own,
		}
		for _, h := range group.Held {
			if h.Member == m.Name {
				all[i].Holds = append(all[i].Holds, h.Item)
			}
		}
	}
	return all
}
