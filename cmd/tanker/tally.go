package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// tally counts things by what they are. The zero value is empty.
type tally struct {
	total  int
	counts map[string]int
}

func (t *tally) add(what string) {
	if t.counts == nil {
		t.counts = make(map[string]int)
	}
	t.counts[what]++
	t.total++
}

// print shows a line for each thing, the most frequent first.
func (t *tally) print(w io.Writer) { printCounts(w, t.counts) }

// printCounts shows a line for each thing, the most frequent first.
func printCounts(w io.Writer, counts map[string]int) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	lines := newTable(">", "")
	for _, name := range names {
		lines.add(number(counts[name]), name)
	}
	lines.print(w, "  ")
}

// plural writes how many there are of a thing.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", number(n), thing)
}
