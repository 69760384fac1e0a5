package dead

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tanker/internal/journal"
)

// cause is why events died: what the letters of a group have in common.
type cause struct {
	Destination string
	Reason      string
	Status      int    // of the last answer; 0 if there was none
	Answer      string // what was said, without what differs from event to event
}

// causeOf is why a letter's event died.
func causeOf(l *journal.DeadLetter) cause {
	return cause{l.Destination, l.Reason, l.Status, normalized(Said(l))}
}

// id names a cause in a few letters and digits that hold nothing of what was said.
func (c cause) id() string {
	sum := sha256.Sum256([]byte(c.Destination + "\x00" + c.Reason + "\x00" + strconv.Itoa(c.Status) + "\x00" + c.Answer))
	return hex.EncodeToString(sum[:6])
}

// Said is the message of the last answer to a letter's call, or what went wrong instead. It comes from outside.
func Said(l *journal.DeadLetter) string {
	var answer struct{ Message, Error any }
	if l.Answer != "" && json.Unmarshal([]byte(l.Answer), &answer) == nil {
		for _, v := range []any{answer.Message, answer.Error} {
			if text, ok := v.(string); ok && text != "" {
				return text
			}
		}
	}
	return l.Message
}

const (
	// maxCause is how long what was said may be, in bytes.
	maxCause = 200
	// maxWord is how long a word may be; longer ones are ids and keys.
	maxWord = 32
	// gap stands for what differs from event to event.
	gap = "…"
)

// normalized leaves out of a message what differs from event to event: words with a digit or an @ in them, and very long
// ones.
func normalized(text string) string {
	var out strings.Builder
	for len(text) > 0 && out.Len() < maxCause {
		end := strings.IndexFunc(text, isBreak)
		if end < 0 {
			end = len(text)
		}
		if word := text[:end]; len(word) > maxWord || strings.ContainsFunc(word, differs) {
			out.WriteString(gap)
		} else {
			out.WriteString(word)
		}
		text = text[end:]
		if r, size := utf8.DecodeRuneInString(text); size > 0 {
			writeBreak(&out, r)
			text = text[size:]
		}
	}
	return strings.TrimSpace(out.String())
}

// writeBreak writes what stands between two words; of several spaces one.
func writeBreak(out *strings.Builder, r rune) {
	if !unicode.IsSpace(r) && !unicode.IsControl(r) {
		out.WriteRune(r)
		return
	}
	if !strings.HasSuffix(out.String(), " ") {
		out.WriteByte(' ')
	}
}

// isBreak reports whether a rune ends a word. Marks that ids, addresses, times and numbers are made with do not.
func isBreak(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"'()[]{}<>,;=`+"`", r)
}

func differs(r rune) bool { return r == '@' || unicode.IsDigit(r) }
