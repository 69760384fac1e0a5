package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tanker/internal/dead"
	"tanker/internal/journal"
)

// functions are what templates can call. Whatever they return is escaped where it is put, like everything else.
func (c *Console) functions() template.FuncMap {
	return template.FuncMap{
		"asset":   c.assets.path,
		"when":    when,
		"ago":     func(t time.Time) template.HTML { return ago(t, time.Now()) },
		"number":  number,
		"bytes":   size,
		"json":    pretty,
		"visible": visible,
		"short":   short,
		"query":   query,
		"percent": percent,
		"add":     func(a, b int) int { return a + b },

		"link":      c.link,
		"stop":      newStop,
		"shows":     c.shows,
		"high":      func(most int64) int64 { return most / 4 * 3 },
		"in":        func(t time.Time) string { return in(t, time.Now()) },
		"perMinute": func(perSecond float64) int { return int(perSecond*60 + 0.5) },
		"part":      func(v view, data any) view { v.Data = data; return v },
		"took":      took,
		"text":      func(data []byte) string { return string(data) },
		"raw":       func(text string) []byte { return []byte(text) },
		"died":      died,
		"said":      func(l journal.DeadLetter) string { return dead.Said(&l) },
		"letters":   letters,
		"tone":      tone,
		"profile":   userPath,
		"pending":   pendingText,
		"soon":      soon,
		"after":     after,
	}
}

// when shows a moment. A script turns it into the reader's own time zone.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-when>%s</time>`, t.Format(time.RFC3339Nano), t.Format("2006-01-02 15:04:05 UTC")))
}

// ago shows how long a moment is past.
func ago(t, now time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s ago</time>`, t.UTC().Format(time.RFC3339Nano), span(now.Sub(t))))
}

// in says how long it is until a moment.
func in(t, now time.Time) string {
	if !t.After(now) {
		return "now"
	}
	return "in " + span(t.Sub(now)+time.Second-1) // a second that has begun counts
}

// span is a length of time as people say it: in one unit.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return "a moment"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// took is how long a call took.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// number shows a whole number with separators.
func number(n any) string {
	text := fmt.Sprint(n)
	digits := strings.TrimPrefix(text, "-")
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil {
		return text
	}
	var out strings.Builder
	out.WriteString(text[:len(text)-len(digits)])
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return out.String()
}

// size shows a number of bytes.
func size(n any) string {
	value, err := strconv.ParseFloat(fmt.Sprint(n), 64)
	if err != nil {
		return fmt.Sprint(n)
	}
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; value >= 1024 && i < len(units)-1; i++ {
		value /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%.0f bytes", value)
	}
	return fmt.Sprintf("%.1f %s", value, units[i])
}

// percent shows a part of a whole.
func percent(part, whole float64) string {
	if whole <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*part/whole)
}

// query makes a path of a path and pairs of parameters; those that are empty are left out.
func query(path string, pairs ...string) (string, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("query %s: a parameter has no value", path)
	}
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if len(values) == 0 {
		return path, nil
	}
	return path + "?" + values.Encode(), nil
}

// short shows at most so many characters of a text, and says what it leaves out.
func short(most int, text string) string {
	if len(text) <= most { // as many bytes hold no more characters
		return visible(text)
	}
	count := 0
	for i := range text {
		if count++; count > most {
			return visible(text[:i]) + "… (" + number(utf8.RuneCountInString(text)) + " characters)"
		}
	}
	return visible(text)
}

// visible makes the characters of a text visible that are not, or that make it look like another: control characters,
// those that change the direction of writing, those without width.
func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return strings.ToValidUTF8(text, "�")
	}
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(text, "�") {
		if hidden(r) {
			fmt.Fprintf(&out, "⟨U+%04X⟩", r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func hidden(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	const joiner = '\u200d' // stands in emoji
	return r != joiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// How much of a JSON text is shown.
const (
	maxParsed = 8 << 20   // bytes that are read
	maxJSON   = 256 << 10 // bytes that are shown
	maxValue  = 4000      // characters of one line
)

// pretty shows JSON over several lines. Of a very long value, or a very long text, it shows the beginning and says so.
func pretty(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	whole := data[:min(len(data), maxParsed)]
	var indented bytes.Buffer
	if err := json.Indent(&indented, whole, "", "  "); err != nil {
		indented.Reset()
		indented.Write(whole)
	}
	var out strings.Builder
	for line := range strings.Lines(indented.String()) {
		text, end := strings.CutSuffix(line, "\n")
		out.WriteString(short(maxValue, text))
		if end {
			out.WriteByte('\n')
		}
		if out.Len() > maxJSON {
			break
		}
	}
	if out.Len() > maxJSON || len(whole) < len(data) {
		out.WriteString("\n… cut off here: " + size(len(data)) + " in all")
	}
	return out.String()
}
