package erasure

import (
	"context"
	"time"

	"tanker/internal/journal"
)

// contacts deletes the contacts that are left, as far as destinations can be called. It reports whether they have shown
// names that are to be searched for first.
func (r *run) contacts(ctx context.Context) (more bool, err error) {
	if err := r.step(ctx, "deleting contacts"); err != nil {
		return false, err
	}
	r.change(r.listDestinations)
	return r.visitAll(ctx)
}

// listDestinations makes the list of destinations complete. Those that are not configured any more cannot be asked.
func (r *run) listDestinations(e *Erasure) {
	for i := range r.o.Destinations {
		d := &r.o.Destinations[i]
		report := e.destination(d.Name)
		if report == nil {
			e.Destinations = append(e.Destinations, DestinationReport{Destination: d.Name})
			report = e.destination(d.Name)
		}
		if report.Skipped = d.Skip; e.Destination != "" && e.Destination != d.Name {
			report.Skipped = "it was asked for another destination alone"
		}
	}
	for i := range e.Destinations {
		if report := &e.Destinations[i]; r.abandoned(report.Destination) && !report.Done {
			report.Skipped, report.Waiting = "it is not configured any more", ""
		}
	}
}

func (r *run) visitAll(ctx context.Context) (more bool, err error) {
	for i := range r.o.Destinations {
		d := &r.o.Destinations[i]
		var todo bool
		r.change(func(e *Erasure) {
			report := e.destination(d.Name)
			todo = !report.Done && report.Skipped == ""
		})
		if !todo || time.Now().Before(r.again[d.Name].at) {
			continue
		}
		leads, err := r.visit(ctx, d)
		if err != nil {
			return false, err
		}
		more = more || leads
	}
	return more, r.save(ctx)
}

// visit deletes the contacts at one destination, unless they show names that were not known. What goes wrong there is
// tried again later.
func (r *run) visit(ctx context.Context, d *Destination) (leads bool, err error) {
	report := func(change func(*DestinationReport)) {
		r.change(func(e *Erasure) { change(e.destination(d.Name)) })
	}
	if why := d.Hold(); why != "" {
		report(func(d *DestinationReport) { d.Waiting = why })
		return false, nil
	}
	found, err := lookUp(ctx, d.Contacts, r.names)
	if err == nil {
		if r.consider(found) {
			return true, nil
		}
		var n int
		n, err = remove(ctx, d.Contacts, found)
		report(func(d *DestinationReport) { d.Deleted += n })
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		wait := min(max(2*r.again[d.Name].wait, tryAgain), tryAgainMost)
		r.again[d.Name] = retry{time.Now().Add(wait), wait}
		report(func(d *DestinationReport) { d.Waiting = trouble(err) })
		return false, nil
	}
	others := 0
	for _, c := range found {
		if c.Other {
			others++
		}
	}
	report(func(d *DestinationReport) { d.Done, d.Kept, d.Waiting, d.At = true, others, "", time.Now().UTC() })
	return false, nil
}

// consider notes what contacts show. It reports whether there are names that have not been considered.
func (r *run) consider(found []Contact) bool {
	news := false
	for _, c := range found {
		email, id := FoldEmail(c.Email), c.ID
		fresh := email != "" && !r.names.emails[email] && !r.considered.emails[email]
		if c.Other {
			fresh = email == FoldEmail(r.user) && !r.considered.ids[id]
		}
		if fresh {
			r.considered.emails[email], r.considered.ids[id] = true, true
			r.leads = append(r.leads, c)
			news = true
		}
	}
	return news
}

// contactsLeft waits until no contact is left anywhere. It reports whether there are names that are to be searched for first.
func (r *run) contactsLeft(ctx context.Context) (more bool, err error) {
	if err := r.step(ctx, "waiting for destinations"); err != nil {
		return false, err
	}
	for {
		waits := ""
		r.change(func(e *Erasure) {
			r.listDestinations(e)
			for _, d := range e.Destinations {
				if !d.Done && d.Skipped == "" {
					waits = "destination " + d.Destination + ": " + d.Waiting
				}
			}
			e.Reason = waits
		})
		if waits == "" {
			return false, nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return false, err
		}
		if more, err := r.visitAll(ctx); more || err != nil {
			return more, err
		}
	}
}

// clean erases what the journal holds of the user.
func (r *run) clean(ctx context.Context, step string) error {
	r.erasures.working.Lock()
	defer r.erasures.working.Unlock()
	if err := r.step(ctx, step); err != nil {
		return err
	}
	m := newMatcher(r.names)
	letters, err := r.o.Log.EraseDead(ctx, m.findsLetter)
	r.change(func(e *Erasure) { e.Letters += letters })
	if err != nil {
		return err
	}
	replays, err := r.o.ForgetReplays(ctx, m.isName)
	r.change(func(e *Erasure) { e.Replays += replays })
	if err != nil {
		return err
	}
	if err := r.o.Log.RewriteReplays(ctx); err != nil {
		return err
	}
	if err := r.o.Log.ForgetMemories(ctx); err != nil {
		return err
	}
	var p Progress
	err = scan(ctx, r.o.Log, func(p Progress) error { return r.progress(ctx, p) }, &p, func(pack *journal.StoredPack) error {
		return r.erase(ctx, m, pack)
	})
	r.change(func(e *Erasure) { e.Searched = p.Searched })
	return err
}

// erase blanks the user's events in a pack.
func (r *run) erase(ctx context.Context, m *matcher, pack *journal.StoredPack) error {
	for i := range pack.Entries {
		if !m.finds(&pack.Entries[i]) {
			continue
		}
		n, err := r.o.Log.Erase(ctx, pack.Seq, m.finds)
		if err != nil {
			return err
		}
		if n > 0 {
			r.change(func(e *Erasure) { e.Events, e.Packs = e.Events+n, e.Packs+1 })
		}
		return r.save(ctx)
	}
	return nil
}

// finish searches everything once more, when nothing can come any more that was accepted before the user was suppressed, and
// ends the job when nothing is found.
func (r *run) finish(ctx context.Context) error {
	if err := r.step(ctx, "waiting for requests from before"); err != nil {
		return err
	}
	if err := sleep(ctx, r.o.Grace-time.Since(r.suppressed)); err != nil {
		return err
	}
	for {
		events, letters := r.state.Events, r.state.Letters
		if err := r.clean(ctx, "searching again"); err != nil {
			return err
		}
		if r.state.Events == events && r.state.Letters == letters {
			break
		}
	}
	m := newMatcher(r.names)
	if reason, err := r.unsettled(ctx, m); err != nil || reason != "" {
		r.change(func(e *Erasure) { e.Reason = reason })
		return errOrUnavailable(err)
	}
	r.change(func(e *Erasure) { e.Checked = time.Now().UTC() })
	if err := r.step(ctx, "overwriting the names"); err != nil {
		return err
	}
	return r.close(ctx)
}

// close ends a job that has done everything else.
func (r *run) close(ctx context.Context) error {
	if err := r.o.Log.DropErasureNames(ctx, r.state.name()); err != nil {
		return err
	}
	r.change(func(e *Erasure) {
		e.State, e.Step, e.Reason, e.Share, e.Left = Done, "", "", 0, 0
		e.Changed = time.Now().UTC()
		e.Took = e.Changed.Sub(e.Created)
	})
	return r.save(ctx)
}

func errOrUnavailable(err error) error {
	if err != nil {
		return err
	}
	return journal.ErrUnavailable
}

// findsLetter reports whether a dead letter is the user's.
func (m *matcher) findsLetter(l *journal.DeadLetter) bool {
	e := l.Entry()
	return m.isName(l.User) || m.finds(&e)
}

// isName reports whether a text is one of the names.
func (m *matcher) isName(text string) bool {
	return text != "" && (m.names.ids[text] || m.names.emails[FoldEmail(text)] || m.names.anonymous[text])
}
