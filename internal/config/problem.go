package config

import (
	"cmp"
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
	path string // what the setting is called there; "" if it is called by its own path
}

// findings collects problems, and knows where each setting was made.
type findings struct {
	file      string           // what is being read; "" for the environment
	workspace string           // the workspace configuration, if there is one
	places    map[string]place // by path
	problems  []Problem
}

func newFindings(file string) *findings {
	return &findings{file: file, places: make(map[string]place)}
}

// enterWorkspace notes that sources and destinations come from a workspace configuration.
func (f *findings) enterWorkspace(path string) {
	f.workspace = path
	f.places["sources"], f.places["destinations"] = place{file: path}, place{file: path}
}

// addf notes a problem with the setting at path.
func (f *findings) addf(path, format string, args ...any) {
	at, path := f.placeOf(path)
	f.problems = append(f.problems, Problem{
		File: at.file, Line: at.line, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// placeOf is where a setting was made, or else the nearest of those around it, and what the setting is called there.
func (f *findings) placeOf(setting string) (at place, path string) {
	for around := setting; ; {
		if at, ok := f.places[around]; ok {
			if at.path != "" {
				return at, at.path + setting[len(around):]
			}
			return at, setting
		}
		cut := strings.LastIndexAny(around, ".[")
		if cut < 0 {
			return place{file: f.file}, setting
		}
		around = around[:cut]
	}
}

// err is everything found, in the order of the file and then of the workspace configuration, or nil.
func (f *findings) err() error {
	if len(f.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(f.rank(a)-f.rank(b), a.Line-b.Line)
	})
	return &Error{Problems: f.problems}
}

// rank is the place of a problem's file among those that are read.
func (f *findings) rank(p Problem) int {
	if f.workspace != "" && p.File == f.workspace {
		return 1
	}
	return 0
}

// join is the path of a key within the section at path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
