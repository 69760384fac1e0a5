package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File    string // the file it is in, or the environment variable it came from; "" for neither
	Line    int    // in the file, from 1; 0 if there is none
	Path    string // of the setting, like destinations[1].limits.key_per_minute; "" for the whole
	Message string // what is wrong and what to do
}

// String is the problem in one line, as editors understand it: file:line: path: message.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	return b.String() + p.Message
}

// Error is everything that is wrong with a configuration. There is at least one problem.
type Error struct {
	Problems []Problem
}

func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "the configuration is not usable: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration is not usable, %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// place is where a setting was made.
type place struct {
	file string
	line int
}

// findings collects problems, and knows where each setting was made.
type findings struct {
	file     string           // what is being read; "" for the environment
	places   map[string]place // by path
	problems []Problem
}

func newFindings(file string) *findings {
	return &findings{file: file, places: make(map[string]place)}
}

// addf notes a problem with the setting at path.
func (f *findings) addf(path, format string, args ...any) {
	at := f.placeOf(path)
	f.problems = append(f.problems, Problem{
		File: at.file, Line: at.line, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// placeOf is where path was set, or else the nearest of those around it.
func (f *findings) placeOf(path string) place {
	for {
		if at, ok := f.places[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return place{file: f.file}
		}
		path = path[:cut]
	}
}

// err is everything found, in the order of the file, or nil.
func (f *findings) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b Problem) int { return a.Line - b.Line })
	return &Error{Problems: f.problems}
}

// join is the path of a key within the section at path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
