package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tanker/internal/admin"
	"tanker/internal/erasure"
	"tanker/internal/journal"
)

// erasureBackend is what the pages about erasing users show and change.
type erasureBackend interface {
	// Erasures are the jobs that erase users.
	Erasures() admin.Erasures
}

func erasurePages() page {
	return page{
		routes: func(r routes) {
			r.get("/users/erase", planErasure)
			r.post("/users/erase", startErasure)
			r.get("/erasures", listErasures)
			r.get("/erasures/{id}", showErasure)
			r.post("/erasures/{id}/lift", liftErasure)
		},
	}
}

// erasureView is one of the pages about erasing.
type erasureView struct {
	User string           // whose erasure is planned
	Plan *erasure.Plan    // what it would do
	Job  *erasure.Erasure // one that was begun
	Jobs []erasure.Erasure
}

// Others are the names beside the one that was asked for.
func (e erasureView) Others(n erasure.Names) []string {
	var others []string
	for _, names := range [][]string{n.IDs, n.Emails, n.Anonymous} {
		for _, name := range names {
			if name != e.User && name != erasure.FoldEmail(e.User) {
				others = append(others, name)
			}
		}
	}
	return others
}

// planErasure says what erasing a user would do, and asks for the name once more.
func planErasure(v *visit) error {
	user, err := erasedUser(v.URL.Query().Get("user"))
	if err != nil {
		return err
	}
	plan, err := v.backend.Erasures().Plan(v.Context(), erasure.Request{User: user}, func(erasure.Progress) error { return v.Context().Err() })
	if err != nil {
		return erasureProblem(err)
	}
	return v.show("erase", "Erase a user", erasureView{User: user, Plan: &plan})
}

// startErasure erases a user whose name was typed twice.
func startErasure(v *visit) error {
	user, err := erasedUser(v.PostForm.Get("user"))
	if err != nil {
		return err
	}
	if strings.TrimSpace(v.PostForm.Get("confirm")) != user {
		return problem{http.StatusUnprocessableEntity, "nothing was erased: the name that was typed is another one", "go back and type it as it stands there"}
	}
	job, err := v.backend.Erasures().Start(v.Context(), erasure.Request{User: user})
	v.audit("erase user", err, "erasure", job.ID)
	if err != nil {
		return erasureProblem(err)
	}
	return v.redirect(fmt.Sprintf("/erasures/%d", job.ID))
}

func erasedUser(text string) (string, error) {
	user := strings.TrimSpace(text)
	if user == "" || len(user) > longestUser {
		return "", problem{http.StatusBadRequest, "say who is to be erased", "by user id or email"}
	}
	return user, nil
}

func listErasures(v *visit) error {
	jobs, err := v.backend.Erasures().List(v.Context(), "")
	if err != nil {
		return err
	}
	return v.show("erase", "Erased users", erasureView{Jobs: jobs})
}

// showErasure shows the report of an erasure.
func showErasure(v *visit) error {
	job, err := erasureOf(v)
	if err != nil {
		return err
	}
	seen := erasureView{Job: &job}
	if v.isPart() {
		return v.part("erase", "erasure", seen)
	}
	return v.show("erase", fmt.Sprintf("Erasure %d", job.ID), seen)
}

// liftErasure has events of a user taken again.
func liftErasure(v *visit) error {
	job, err := erasureOf(v)
	if err == nil {
		_, err = v.backend.Erasures().Lift(v.Context(), job.ID)
	}
	v.audit("lift erasure", err, "erasure", job.ID)
	if err != nil {
		return erasureProblem(err)
	}
	v.flash("Events of this user are taken again.")
	return v.redirect(fmt.Sprintf("/erasures/%d", job.ID))
}

func erasureOf(v *visit) (erasure.Erasure, error) {
	id, err := erasure.ParseID(v.PathValue("id"))
	if err != nil {
		return erasure.Erasure{}, problem{http.StatusNotFound, "there is no such erasure", "the list of erased users shows them"}
	}
	job, err := v.backend.Erasures().Erasure(v.Context(), id)
	return job, erasureProblem(err)
}

// erasureProblem says what to do about an error.
func erasureProblem(err error) error {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return problem{http.StatusNotFound, err.Error(), "the list of erased users shows them"}
	case errors.Is(err, erasure.ErrErasure), errors.Is(err, journal.ErrTooMany):
		return problem{http.StatusConflict, err.Error(), "the list of erased users shows what runs already"}
	}
	return err
}
