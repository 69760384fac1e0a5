package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"tanker/internal/config"
)

// lookEvery is how often the files of the configuration are looked at.
const lookEvery = 2 * time.Second

// reloader reads the configuration again when its files have changed, or on SIGHUP.
type reloader struct {
	path    string // of the configuration; "" is the environment
	load    func() (*config.Config, error)
	every   time.Duration
	log     *slog.Logger
	changes chan<- *config.Config
	asked   <-chan os.Signal // SIGHUP
	since   time.Time        // when the configuration in use began to be read
}

// stamp tells one state of a file from another.
type stamp struct {
	path    string
	changed time.Time
	size    int64
}

// watch hands over configurations until ctx ends. c is the one in use. Of those that are not right it logs what is
// wrong.
func (r *reloader) watch(ctx context.Context, c *config.Config) {
	ticker := time.NewTicker(r.every)
	defer ticker.Stop()
	files := filesOf(r.path, c)
	known := r.knownAtFirst(files)
	last, refused := known, ""
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-r.asked:
			asked = true
		case <-ticker.C:
		}
		now := stampsOf(files)
		resting := slices.Equal(now, last) // a file that is still being written is left alone
		last = now
		if !asked && (!resting || slices.Equal(now, known) && refused == "") {
			continue
		}
		known = now
		next, err := r.load()
		if err != nil {
			// It is read until it is right, because what it lacks may come in a file that is not known yet.
			if asked || err.Error() != refused {
				r.refuse(err)
			}
			refused = err.Error()
			continue
		}
		files, refused = filesOf(r.path, next), ""
		r.hand(ctx, next)
	}
}

// knownAtFirst are the states in which the files were read, as far as that is certain: nothing is known of one that was
// written at about that time.
func (r *reloader) knownAtFirst(files []string) []stamp {
	stamps := stampsOf(files)
	for i := range stamps {
		if stamps[i].changed.After(r.since.Add(-time.Second)) {
			stamps[i] = stamp{}
		}
	}
	return stamps
}

// hand gives a configuration to the server.
func (r *reloader) hand(ctx context.Context, c *config.Config) {
	logWarnings(r.log, c)
	select {
	case r.changes <- c:
	case <-ctx.Done():
	}
}

// refuse logs what is wrong with a configuration, a line for each problem.
func (r *reloader) refuse(err error) {
	const message = "the configuration has changed and is not right, the one before stays"
	found, ok := errors.AsType[*config.Error](err)
	if !ok {
		r.log.Error(message, "error", err)
		return
	}
	for _, p := range found.Problems {
		r.log.Error(message, "problem", p.String())
	}
}

// logWarnings logs what of a workspace configuration is not taken.
func logWarnings(log *slog.Logger, c *config.Config) {
	for _, warning := range c.Warnings {
		log.Warn("not taken from the workspace configuration: " + warning.String())
	}
}

// filesOf are the files that a configuration was read from, with those of its keys.
func filesOf(path string, c *config.Config) []string {
	files := []string{path, c.Workspace.File}
	for _, s := range c.Sources {
		files = append(files, s.WriteKeyFile)
	}
	for _, d := range c.Destinations {
		files = append(files, d.APIKeyFile)
	}
	return slices.DeleteFunc(files, func(f string) bool { return f == "" })
}

// stampsOf are the states of files; one that is not there has none.
func stampsOf(files []string) []stamp {
	stamps := make([]stamp, len(files))
	for i, f := range files {
		stamps[i].path = f
		if info, err := os.Stat(f); err == nil {
			stamps[i].changed, stamps[i].size = info.ModTime(), info.Size()
		}
	}
	return stamps
}
