package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tanker/internal/erasure"
)

// printErasurePlan shows what an erasure would do.
func printErasurePlan(w io.Writer, p *erasure.Plan) {
	fmt.Fprintf(w, "erasing %s\n", plain(p.User))
	printNames(w, "taken for the same user", otherNames(&p.Names, p.User))
	printNames(w, "used by others too, so left alone", otherNames(&p.Shared, p.User))
	fmt.Fprintf(w, "  in the log: %s of %s searched, and %s\n", plural(p.Events, "event"), number(p.Searched), plural(p.Letters, "dead letter"))
	for _, d := range p.Destinations {
		text := contactsText(d.Contacts)
		switch {
		case d.Skipped != "":
			text = "no contact is deleted: " + d.Skipped
		case d.Unknown != "":
			text = "it is not known whether there is a contact: " + d.Unknown
		}
		fmt.Fprintf(w, "  at %s: %s\n", d.Destination, plain(text))
	}
}

// otherNames are the names beside the one that was asked for.
func otherNames(n *erasure.Names, asked string) []string {
	var names []string
	for _, name := range slices.Concat(n.IDs, n.Emails, n.Anonymous) {
		if name != asked && name != erasure.FoldEmail(asked) {
			names = append(names, name)
		}
	}
	return names
}

func printNames(w io.Writer, what string, names []string) {
	const most = 10
	if len(names) == 0 {
		return
	}
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	fmt.Fprintf(w, "  %s: %s\n", what, plain(text))
}

// contactsText says which contacts are deleted.
func contactsText(contacts []erasure.Contact) string {
	var parts []string
	for _, c := range contacts {
		names := strings.Join(slices.DeleteFunc([]string{c.ID, c.Email}, func(s string) bool { return s == "" }), ", ")
		if c.Other {
			parts = append(parts, "the contact of somebody else stays ("+names+")")
		} else {
			parts = append(parts, "the contact is deleted ("+names+"), with its survey answers")
		}
	}
	if len(parts) == 0 {
		return "there is no contact"
	}
	return strings.Join(parts, "; ")
}

// erasureText is an erasure in one line.
func erasureText(e *erasure.Erasure) string {
	text := fmt.Sprintf("erasure %d is %s", e.ID, e.State)
	if e.Step != "" {
		text += ": " + e.Step
	}
	if e.Share > 0 {
		text += fmt.Sprintf(", %.0f %%", e.Share*100)
	}
	if e.Left > time.Second {
		text += ", about " + span(e.Left) + " left"
	}
	text += fmt.Sprintf("; %s erased", plural(e.Events, "event"))
	if e.Reason != "" {
		text += "; " + e.Reason
	}
	return text
}

// printErasure shows the report of an erasure.
func printErasure(w io.Writer, e *erasure.Erasure) {
	fmt.Fprintln(w, plain(erasureText(e)))
	if e.User != "" {
		fmt.Fprintf(w, "  user:         %s\n", plain(e.User))
	}
	fmt.Fprintf(w, "  begun:        %s\n", e.Created.UTC().Format(time.RFC3339))
	fmt.Fprintf(w, "  in the log:   %s blanked in %s; %s deleted\n", plural(e.Events, "event"), plural(e.Packs, "pack"), plural(e.Letters, "dead letter"))
	for _, d := range e.Destinations {
		fmt.Fprintf(w, "  at Refiner:   %s: %s\n", d.Destination, plain(destinationText(&d)))
	}
	if !e.Checked.IsZero() {
		fmt.Fprintf(w, "  searched again %s: nothing was found in %s\n", e.Checked.UTC().Format(time.RFC3339), plural(e.Searched, "event"))
	}
	switch {
	case !e.Lifted.IsZero():
		fmt.Fprintf(w, "  lifted:       %s; events of the user are taken again\n", e.Lifted.UTC().Format(time.RFC3339))
	case e.State == erasure.Done || e.State == erasure.Running:
		fmt.Fprintf(w, "  events of the user are dropped, until: tanker forget lift %d\n", e.ID)
	}
}

// destinationText says what became of the contact at a destination.
func destinationText(d *erasure.DestinationReport) string {
	var text string
	switch {
	case d.Skipped != "":
		return "NOT deleted: " + d.Skipped
	case !d.Done:
		return "not deleted yet: " + d.Waiting
	case d.Deleted == 0:
		text = "there was no contact"
	default:
		text = plural(d.Deleted, "contact") + " deleted, with survey answers"
	}
	if d.Kept > 0 {
		text += fmt.Sprintf("; %s of others with one of the emails left alone", plural(d.Kept, "contact"))
	}
	return text
}

// list shows all erasures.
func (c *forgetCommand) list(ctx context.Context) error {
	jobs, err := c.server.Erasures(ctx, c.request.User)
	if err != nil {
		return err
	}
	if c.asJSON {
		enc := json.NewEncoder(c.out)
		for i := range jobs {
			if err := enc.Encode(jobs[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(jobs) == 0 {
		fmt.Fprintln(c.out, "nobody was erased")
		return nil
	}
	t := newTable(">NUMBER", "STATE", "BEGUN", ">EVENTS", ">CONTACTS", "WHAT IT DOES")
	for i := range jobs {
		e := &jobs[i]
		contacts := 0
		for _, d := range e.Destinations {
			contacts += d.Deleted
		}
		what := e.Step
		if e.Reason != "" {
			what = strings.TrimPrefix(what+": "+e.Reason, ": ")
		}
		t.add(fmt.Sprint(e.ID), string(e.State), e.Created.UTC().Format(time.RFC3339), number(e.Events), number(contacts), short(what, 80))
	}
	t.print(c.out, "")
	return nil
}
