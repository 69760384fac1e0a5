package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// table is text in aligned columns for a terminal.
type table struct {
	head  []string
	right map[int]bool // columns of numbers
	rows  [][]string
}

// newTable makes a table with these headings. A heading that begins with ">" is of a column of numbers.
func newTable(head ...string) *table {
	t := &table{right: make(map[int]bool)}
	for i, h := range head {
		name, number := strings.CutPrefix(h, ">")
		t.head, t.right[i] = append(t.head, name), number
	}
	return t
}

// add appends a row. What is shown may come from anywhere, so nothing in it can command the terminal.
func (t *table) add(cells ...string) {
	row := make([]string, len(t.head))
	for i, c := range cells {
		row[i] = plain(c)
	}
	t.rows = append(t.rows, row)
}

// print writes the table, each line behind indent.
func (t *table) print(w io.Writer, indent string) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.right[i] {
				cell = pad + cell
			} else {
				cell += pad
			}
			line.WriteString(cell + "  ")
		}
		if text := strings.TrimRight(line.String(), " "); text != "" {
			fmt.Fprintln(w, indent+text)
		}
	}
}

// plain makes a text of one line out of anything: what does not print, and could command the terminal or turn
// the direction of writing, becomes a dot.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}

// short cuts a text that is longer than so many runes.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// number writes a number with a comma behind every three digits.
func number[T int | uint64 | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// bytes writes a size with the unit that makes it short.
func bytesText[T int64 | uint64](n T) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

// span writes how long something takes or took, in its two largest units: 3d4h, 2h5m, 12m30s, 4s.
func span(d time.Duration) string {
	d = max(d, 0)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	d = d.Round(time.Second)
	days := d / (24 * time.Hour)
	hours, minutes, seconds := d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}
