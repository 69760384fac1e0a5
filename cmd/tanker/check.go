package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"tanker/internal/config"
	"tanker/internal/journal"
	"tanker/internal/server"
)

const checkHelp = `Usage: tanker check [--config FILE] [--workspace-config FILE] [--offline] [--json]

Checks the configuration, as serve would read it, and shows every problem with its place. If there is
none, it asks the NATS cluster (journal.url), if there is one, whether it can keep the journal, and
Refiner about each destination's API key, and says what the answers mean. Nothing is sent
but that question. Exit code 1 if anything is wrong.`

// checkReport is what the check found.
type checkReport struct {
	Config       string             `json:"config"` // the file, or "environment"
	Problems     []checkProblem     `json:"problems"`
	Warnings     []checkProblem     `json:"warnings,omitempty"` // what of a workspace configuration is not taken
	Destinations []checkDestination `json:"destinations"`
}

type checkProblem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// checkDestination is what Refiner says to a destination's key.
type checkDestination struct {
	Name     string   `json:"name"`
	Endpoint string   `json:"endpoint"`
	OK       bool     `json:"ok"`
	Skipped  bool     `json:"skipped,omitempty"` // Refiner was not asked
	Project  string   `json:"project,omitempty"`
	Class    string   `json:"class,omitempty"`  // of the answer, if it is no success
	Status   int      `json:"status,omitempty"` // of HTTP; 0 if there was no answer
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// ok reports whether nothing is wrong.
func (r *checkReport) ok() bool {
	for _, d := range r.Destinations {
		if !d.OK && !d.Skipped {
			return false
		}
	}
	return len(r.Problems) == 0
}

// runCheck checks the configuration and the keys.
func runCheck(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("check")
	file := fs.String("config", "", "configuration `FILE` (default ./tanker.yaml if there is one, else the environment)")
	workspace := workspaceFlag(fs)
	offline := fs.Bool("offline", false, "do not ask Refiner about the keys")
	asJSON := fs.Bool("json", false, "print a JSON object")
	words, err := parseFlags(fs, checkHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("check", words); err != nil {
		return err
	}
	report, err := check(ctx, configPath(*file), environmentWith(*workspace), *offline)
	if err != nil {
		return err
	}
	if *asJSON {
		err = printJSON(stdout, report)
	} else {
		report.print(stdout)
	}
	if err == nil && !report.ok() {
		err = errQuiet
	}
	return err
}

// printJSON prints one value, indented for people who look at it.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func check(ctx context.Context, path string, getenv func(string) string, offline bool) (*checkReport, error) {
	r := &checkReport{Config: orEnvironment(path), Problems: []checkProblem{}, Destinations: []checkDestination{}}
	c, err := config.Load(path, getenv)
	if found, ok := errors.AsType[*config.Error](err); ok {
		for _, p := range found.Problems {
			r.Problems = append(r.Problems, checkProblem(p))
		}
		return r, nil
	}
	if err != nil {
		return nil, withHint(err, "name the configuration file with --config")
	}
	r.Config = readFrom(path, c)
	for _, p := range c.Warnings {
		r.Warnings = append(r.Warnings, checkProblem(p))
	}
	if problem := checkJournal(ctx, c, offline); problem != nil {
		r.Problems = append(r.Problems, *problem)
	}
	for i, d := range c.Destinations {
		if err := checkScript(d); err != nil {
			r.Problems = append(r.Problems, checkProblem{Path: fmt.Sprintf("destinations[%d].transformation", i), Message: err.Error()})
		}
		r.Destinations = append(r.Destinations, checkKey(ctx, d, offline))
	}
	return r, nil
}

// checkJournal asks the NATS cluster, if there is one, whether it can keep the journal. It changes nothing.
func checkJournal(ctx context.Context, c *config.Config, offline bool) *checkProblem {
	if c.Journal.URL == "" || offline {
		return nil
	}
	c.Journal.Node = cmp.Or(c.Journal.Node, "check") // it writes nothing
	o, err := server.JournalOptions(c)
	if err == nil {
		_, err = journal.MakePlan(ctx, o)
	}
	if err != nil {
		return &checkProblem{Path: "journal.url", Message: err.Error()}
	}
	return nil
}

// checkScript starts a destination's transformation, if it has one.
func checkScript(d config.Destination) error {
	if d.Transformation == "" {
		return nil
	}
	runner, err := server.StartScript(d.Transformation, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return runner.Close()
}

// checkKey asks Refiner about a destination's key.
func checkKey(ctx context.Context, d config.Destination, offline bool) checkDestination {
	c := checkDestination{Name: d.Name, Endpoint: d.Endpoint, Warnings: mappingWarnings(d)}
	if offline {
		c.Skipped, c.Message = true, "not asked"
		return c
	}
	project, err := server.CheckKey(ctx, d, version)
	if err == nil {
		c.OK, c.Project = true, project
		c.Message = fmt.Sprintf("Refiner accepts the key, of the environment %q", project)
		return c
	}
	c.Message = err.Error()
	if unusable, ok := errors.AsType[*server.UnusableKeyError](err); ok {
		c.Class, c.Status, c.Hint = unusable.Class.String(), unusable.Status, unusable.Hint
	}
	return c
}

func mappingWarnings(d config.Destination) []string {
	_, warnings, err := server.NewMapper(d)
	if err != nil {
		return []string{err.Error()}
	}
	return warnings
}

// print shows the report to people.
func (r *checkReport) print(w io.Writer) {
	if len(r.Problems) > 0 {
		fmt.Fprintf(w, "the configuration (%s) is not usable:\n", r.Config)
		for _, p := range r.Problems {
			fmt.Fprintf(w, "  %s\n", plain(config.Problem(p).String()))
		}
		return
	}
	fmt.Fprintf(w, "the configuration (%s) is right\n", r.Config)
	for _, p := range r.Warnings {
		fmt.Fprintf(w, "  not taken: %s\n", plain(config.Problem(p).String()))
	}
	for _, d := range r.Destinations {
		mark := "ok"
		switch {
		case d.Skipped:
			mark = "--"
		case !d.OK:
			mark = "NO"
		}
		fmt.Fprintf(w, "  %s  %s: %s\n", mark, d.Name, plain(d.Message))
		for _, line := range append(d.Warnings, d.Hint) {
			if line != "" {
				fmt.Fprintf(w, "      %s\n", plain(strings.TrimSpace(line)))
			}
		}
	}
}
