package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tanker/internal/dead"
	"tanker/internal/journal"
)

// planDead begins a dry run for the letters that are named, or for all that the filter selects.
func planDead(v *visit) error {
	op := dead.Operation{DryRun: true}
	switch verb := dead.Verb(v.PostForm.Get("verb")); verb {
	case dead.Replay, dead.Discard:
		op.Verb = verb
	default:
		return problem{http.StatusBadRequest, "it is not clear what is to be done", "go back and press one of the buttons"}
	}
	var err error
	if op.Named, err = namedLetters(v.PostForm["letter"]); err != nil {
		return err
	}
	if len(op.Named) == 0 {
		if v.PostForm.Get("which") != "all" {
			return problem{http.StatusUnprocessableEntity, "no letter is selected", "go back and select some with the boxes on the left"}
		}
		if op.Filter, err = readDeadFilter(v.PostForm).filter(time.Now()); err != nil {
			return err
		}
		op.Filter.After, op.Filter.Limit = 0, 0
	}
	return v.startDead(op)
}

// namedLetters reads the boxes that were checked: destination/position.
func namedLetters(texts []string) ([]dead.Name, error) {
	if len(texts) > dead.MaxNamed {
		return nil, problem{http.StatusUnprocessableEntity, "too many letters are selected", "select fewer, or all that a filter shows"}
	}
	names := make([]dead.Name, 0, len(texts))
	for _, text := range texts {
		destination, position, _ := strings.Cut(text, "/")
		at, err := journal.ParsePosition(position)
		if err != nil {
			return nil, problem{http.StatusBadRequest, "a letter is named in an odd way", "go back and load the page again"}
		}
		names = append(names, dead.Name{Destination: destination, Position: at})
	}
	return names, nil
}

// startDead begins an operation, waits a moment for its end, and goes to where it is shown.
func (v *visit) startDead(op dead.Operation) error {
	job, err := v.backend.DeadJobs().Start(op)
	if errors.Is(err, dead.ErrBusy) {
		return problem{http.StatusConflict, err.Error(), "the page of dead letters shows them"}
	}
	if err != nil {
		return err
	}
	if !op.DryRun {
		v.audit(string(op.Verb)+" dead letters", nil, "operation", job.ID, "named", len(op.Named), "destination", op.Filter.Destination,
			"reason", op.Filter.Reason, "group", op.Filter.Group)
	}
	if _, err := v.backend.DeadJobs().Job(v.Context(), job.ID, deadPatience); err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/dead/jobs/%d", job.ID))
}

// deadJob is the operation that the path names.
func (v *visit) deadJob(patience time.Duration) (dead.Job, error) {
	id, err := strconv.Atoi(v.PathValue("id"))
	if err != nil {
		return dead.Job{}, errNoPage
	}
	job, err := v.backend.DeadJobs().Job(v.Context(), id, patience)
	if errors.Is(err, journal.ErrNotFound) {
		return job, problem{
			http.StatusNotFound, "this operation is not known any more: the server or its configuration has changed since",
			"nothing is lost: what it had not done yet is still among the dead letters, so begin again there",
		}
	}
	return job, err
}

func showDeadJob(v *visit) error {
	patience := time.Duration(0)
	if v.isPart() {
		patience = deadPatienceAgain
	}
	job, err := v.deadJob(patience)
	if err != nil {
		return err
	}
	if v.isPart() {
		return v.part("dead_job", "job", job)
	}
	return v.show("dead_job", "Dead letters", job)
}

// confirmDeadJob carries out what a dry run has shown, for the very letters that it has shown.
func confirmDeadJob(v *visit) error {
	plan, err := v.deadJob(0)
	if err != nil {
		return err
	}
	if !plan.DryRun || plan.State != dead.Done {
		return problem{http.StatusConflict, "this is no dry run that has ended", "begin with one on the page of dead letters"}
	}
	op := plan.Operation
	op.DryRun, op.UpTo = false, plan.Result.UpTo
	return v.startDead(op)
}

func stopDeadJob(v *visit) error {
	job, err := v.deadJob(0)
	if err != nil {
		return err
	}
	job, err = v.backend.DeadJobs().Stop(v.Context(), job.ID)
	v.audit("stop operation on dead letters", err, "operation", job.ID, "done", job.Done)
	if err != nil {
		return err
	}
	return v.redirect(fmt.Sprintf("/dead/jobs/%d", job.ID))
}
