package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tanker/internal/admin"
	"tanker/internal/config"
)

// destinationsBackend is what the page about destinations shows and changes, beside the status of the overview.
type destinationsBackend interface {
	// Destinations are the destinations as they are set up.
	Destinations() []DestinationSetup
	// Settings are the settings of the process.
	Settings() []config.Setting
	// CheckKey asks Refiner about a destination's key. Errors: journal.ErrNotFound, ErrTooSoon.
	CheckKey(ctx context.Context, destination string) (KeyCheck, error)
	// Pause has nothing sent to a destination until Resume. Errors of both: journal.ErrNotFound.
	Pause(ctx context.Context, destination string) error
	// Resume ends a pause.
	Resume(ctx context.Context, destination string) error
}

// DestinationSetup is a destination as it is set up. There is no key in it.
type DestinationSetup struct {
	Name     string
	Title    string // what people call it; "" if nobody said
	KeyPlace string // where its key comes from, in words
	Sources  []string
	Settings []config.Setting
	Warnings []string // what of its settings is not carried out
}

// Changed and Usual are the settings that somebody has set, and the others.
func (d DestinationSetup) Changed() []config.Setting { return settingsThat(d.Settings, false) }

// Usual are the settings at their defaults.
func (d DestinationSetup) Usual() []config.Setting { return settingsThat(d.Settings, true) }

func settingsThat(all []config.Setting, usual bool) []config.Setting {
	var some []config.Setting
	for _, s := range all {
		if s.Default == usual {
			some = append(some, s)
		}
	}
	return some
}

// KeyCheck is what Refiner says of a key.
type KeyCheck struct {
	OK      bool
	Project string // the environment that the key is of
	Message string // what is wrong
	Hint    string // what to do about it
	At      time.Time
}

// ErrTooSoon says that a key was checked a moment ago.
var ErrTooSoon = errors.New("this key was checked a moment ago")

func destinationsPage() page {
	return page{
		nav: []navItem{{"/destinations", "Destinations"}},
		routes: func(r routes) {
			r.get("/destinations", showDestinations)
			r.post("/destinations/{destination}/pause", pauseDestination)
			r.post("/destinations/{destination}/resume", resumeDestination)
			r.post("/destinations/{destination}/check", checkDestinationKey)
		},
	}
}

// setupView is a destination on the page.
type setupView struct {
	DestinationSetup

	Status admin.DestinationStatus
	Check  *KeyCheck // nil if nobody has asked
}

// Tone is the colour that underlines the state.
func (d setupView) Tone() string { return toneOf(d.Status.State) }

// Paused reports whether an operator has the destination paused.
func (d setupView) Paused() bool { return !d.Status.PausedSince.IsZero() }

// setupData is what the page shows.
type setupData struct {
	Destinations []setupView
	Changed      []config.Setting // of the process
	Usual        []config.Setting
}

func showDestinations(v *visit) error { return v.showDestinations("", nil) }

// showDestinations shows the page, with what Refiner says of the key of one of them.
func (v *visit) showDestinations(checked string, check *KeyCheck) error {
	status, err := v.backend.Status(v.Context())
	if err != nil {
		return err
	}
	all := v.backend.Settings()
	data := setupData{Changed: settingsThat(all, false), Usual: settingsThat(all, true)}
	for _, setup := range v.backend.Destinations() {
		d := setupView{DestinationSetup: setup}
		for _, s := range status.Destinations {
			if s.Name == setup.Name {
				d.Status = s
			}
		}
		if setup.Name == checked {
			d.Check = check
		}
		data.Destinations = append(data.Destinations, d)
	}
	return v.show("destinations", "Destinations", data)
}

func pauseDestination(v *visit) error {
	name := v.PathValue("destination")
	err := v.backend.Pause(v.Context(), name)
	v.audit("pause destination", err, "destination", name)
	if err != nil {
		return err
	}
	v.flash(fmt.Sprintf("%s is paused: nothing is sent to it until you resume it. Its events wait, and are kept.", name))
	return v.redirect("/destinations")
}

func resumeDestination(v *visit) error {
	name := v.PathValue("destination")
	err := v.backend.Resume(v.Context(), name)
	v.audit("resume destination", err, "destination", name)
	if err != nil {
		return err
	}
	v.flash(fmt.Sprintf("%s goes on where it was, in order.", name))
	return v.redirect("/destinations")
}

func checkDestinationKey(v *visit) error {
	name := v.PathValue("destination")
	check, err := v.backend.CheckKey(v.Context(), name)
	v.audit("check key", err, "destination", name)
	if errors.Is(err, ErrTooSoon) {
		return problem{http.StatusTooManyRequests, err.Error(), "wait a few seconds: each check is one of the calls that Refiner counts"}
	}
	if err != nil {
		return err
	}
	if v.isPart() {
		return v.part("destinations", "check", check)
	}
	return v.showDestinations(name, &check)
}
