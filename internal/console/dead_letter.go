package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tanker/internal/history"
	"tanker/internal/journal"
)

// maxEdited is how large an event may be that is corrected in a form, in bytes.
const maxEdited = 256 << 10

// letterData is what the page of a dead letter shows.
type letterData struct {
	Letter journal.DeadLetter
	Edit   string // the event as it can be edited; "" if it is too large for that
	Try    *trial // what was tried out; nil if nothing was
}

// Type is what the path of the event's request may have said.
func (d letterData) Type() string { return pathType(d.Letter.Type) }

// trial is a corrected event that was tried out.
type trial struct {
	Problem string // why it is no event that can be sent
	Mapped  history.Mapped
	Old     []diffLine // the call that was refused
	New     []diffLine // the call that would be made
}

// Changed reports whether the call is another one than before.
func (t *trial) Changed() bool {
	return slices.ContainsFunc(append(t.Old, t.New...), func(l diffLine) bool { return l.Changed })
}

// letter is the dead letter that the path names.
func (v *visit) letter() (letter journal.DeadLetter, err error) {
	at, err := v.letterName()
	if err != nil {
		return letter, err
	}
	return v.backend.DeadLetter(v.Context(), v.PathValue("destination"), at)
}

func (v *visit) letterName() (journal.Position, error) {
	at, err := journal.ParsePosition(v.PathValue("position"))
	if err != nil {
		return at, problem{http.StatusNotFound, "there is no such dead letter", "look for it among all of them"}
	}
	return at, nil
}

func showDeadLetter(v *visit) error {
	letter, err := v.letter()
	if err != nil {
		return err
	}
	data := letterData{Letter: letter, Edit: editable(letter.Event)}
	return v.show("dead_letter", "Dead letter "+letter.Position.String(), data)
}

// tryDeadLetter shows what a corrected event would become, and changes nothing.
func tryDeadLetter(v *visit) error {
	letter, err := v.letter()
	if err != nil {
		return err
	}
	data := letterData{Letter: letter, Edit: v.PostForm.Get("event")}
	mapped, err := v.backend.PreviewDead(v.Context(), letter.Destination, letter.Position, corrected(v, &letter))
	data.Try = newTrial(&letter, mapped)
	if errors.Is(err, history.ErrEvent) {
		data.Try = &trial{Problem: err.Error()}
	} else if err != nil {
		return err
	}
	if v.isPart() {
		return v.part("dead_letter", "trial", data)
	}
	return v.show("dead_letter", "Dead letter "+letter.Position.String(), data)
}

func newTrial(letter *journal.DeadLetter, mapped history.Mapped) *trial {
	t := &trial{Mapped: mapped}
	before, after := "", ""
	if letter.Path != "" {
		before = letter.Method + " " + letter.Path + "\n" + pretty(letter.Call)
	}
	if mapped.Callable() {
		after = mapped.Method + " " + mapped.Path + "\n" + pretty(mapped.Body)
	}
	t.Old, t.New = sideBySide(before, after)
	return t
}

// corrected is the event of the form; nil if there is none, or it is as the letter has it.
func corrected(v *visit, letter *journal.DeadLetter) []byte {
	text := strings.ReplaceAll(v.PostForm.Get("event"), "\r\n", "\n")
	if text == "" || text == editable(letter.Event) {
		return nil
	}
	return []byte(text)
}

func replayDeadLetter(v *visit) error {
	letter, err := v.letter()
	if err != nil {
		return err
	}
	event := corrected(v, &letter)
	err = v.backend.ReplayDead(v.Context(), letter.Destination, letter.Position, event)
	v.audit("send dead letter again", err, "destination", letter.Destination, "position", letter.Position.String(), "corrected", event != nil)
	if errors.Is(err, history.ErrEvent) {
		return problem{http.StatusUnprocessableEntity, err.Error(), "the letter is as it was: go back, correct its event, and try it out"}
	}
	if err != nil {
		return err
	}
	v.flash(fmt.Sprintf("Dead letter %s is sent again: its event waits behind what its user has waiting already.", letter.Position))
	return v.redirect("/dead")
}

func discardDeadLetter(v *visit) error {
	at, err := v.letterName()
	if err != nil {
		return err
	}
	destination := v.PathValue("destination")
	err = v.backend.DiscardDead(v.Context(), destination, at)
	v.audit("discard dead letter", err, "destination", destination, "position", at.String())
	if err != nil {
		return err
	}
	v.flash(fmt.Sprintf("Dead letter %s is discarded.", at))
	return v.redirect("/dead")
}

// editable is an event laid out to be edited, and the same event: characters that cannot be seen, or that turn the
// direction of writing, are written as escapes. It is "" for one that is too large.
func editable(event []byte) string {
	var out bytes.Buffer
	if len(event) > maxEdited || json.Indent(&out, event, "", "  ") != nil {
		return ""
	}
	text := out.String()
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var escaped strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			escaped.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
	}
	return escaped.String()
}
