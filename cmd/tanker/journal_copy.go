package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tanker/internal/archive"
	"tanker/internal/config"
	"tanker/internal/journal"
	"tanker/internal/migrate"
	"tanker/internal/server"
)

func exportJournal(ctx context.Context, c *journalCommand) error {
	if err := c.only("export", "the file to write, or - for standard output", true, false); err != nil {
		return err
	}
	from, err := c.openSource(ctx)
	if err != nil {
		return err
	}
	line := newLiveLine(c.stderr)
	summary, err := writeWhole(c.words[0], c.stdout, func(w io.Writer) (archive.Summary, error) {
		return migrate.Export(ctx, from, w, version, showProgress(line))
	})
	line.clear()
	if err := errors.Join(err, from.Close()); err != nil {
		return explainJournal(err)
	}
	fmt.Fprintf(c.stderr, "exported %s\n", plural(int(summary.Events), "event"))
	return nil
}

// writeWhole writes a file that is there whole, or not at all. "-" stands for stdout.
func writeWhole(path string, stdout io.Writer, write func(io.Writer) (archive.Summary, error)) (archive.Summary, error) {
	if path == "-" {
		return write(stdout)
	}
	if _, err := os.Lstat(path); err == nil {
		return archive.Summary{}, withHint(fmt.Errorf("%s is there already", path), "name a file that is not there yet")
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return archive.Summary{}, err
	}
	summary, err := write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Link(f.Name(), path) // unlike a renaming it overwrites nothing
	}
	return summary, errors.Join(err, os.Remove(f.Name()))
}

func verifyJournal(ctx context.Context, c *journalCommand) error {
	if err := c.only("verify", "the file", false, false); err != nil {
		return err
	}
	header, summary, err := c.verify(ctx, c.words[0])
	if err != nil {
		return explainJournal(err)
	}
	fmt.Fprintf(c.stdout, "%s is whole: exported %s by tanker %s, %s in %s\n", c.words[0],
		header.Made.Format(time.RFC3339), plain(header.Program), plural(int(summary.Events), "event"), plural(int(summary.Messages), "message"))
	for _, s := range header.Streams {
		fmt.Fprintf(c.stdout, "  %-12s %s\n", plain(s.Name), plural(int(s.Messages), "message"))
	}
	return nil
}

func (c *journalCommand) verify(ctx context.Context, path string) (archive.Header, archive.Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return archive.Header{}, archive.Summary{}, err
	}
	defer f.Close()
	line := newLiveLine(c.stderr)
	defer line.clear()
	header, summary, err := migrate.Verify(ctx, f, showProgress(line))
	if err != nil {
		return header, summary, fmt.Errorf("%s: %w", path, err)
	}
	return header, summary, nil
}

func importJournal(ctx context.Context, c *journalCommand) error {
	if err := c.only("import", "the file", false, true); err != nil {
		return err
	}
	path := c.words[0]
	header, _, err := c.verify(ctx, path)
	if err != nil {
		return explainJournal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	from, err := archive.NewReader(f)
	if err != nil {
		return explainJournal(fmt.Errorf("%s: %w", path, err))
	}
	return c.copy(ctx, from, "the export "+header.ID)
}

func migrateJournal(ctx context.Context, c *journalCommand) error {
	if err := c.only("migrate", "", true, true); err != nil {
		return err
	}
	if c.from == "" || c.to == "" {
		return usagef("journal", "journal migrate: say with --from and --to what is to be copied where")
	}
	from, err := c.openSource(ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.copy(ctx, from, placeName(from.Place())), from.Close())
}

// placeName is how a copy that is not finished knows its source.
func placeName(place string) string {
	if path, err := filepath.Abs(place); err == nil && !strings.Contains(place, "://") {
		return path
	}
	return place
}

// copy makes a journal of what is read.
func (c *journalCommand) copy(ctx context.Context, from migrate.Source, name string) error {
	opts, _, err := c.place(c.to)
	if err != nil {
		return err
	}
	to, err := journal.OpenCopy(ctx, opts, name)
	if err != nil {
		return explainJournal(err)
	}
	line := newLiveLine(c.stderr)
	totals, err := migrate.Copy(ctx, from, to, showProgress(line))
	line.clear()
	if err := errors.Join(err, to.Close()); err != nil {
		return explainJournal(err)
	}
	fmt.Fprintf(c.stdout, "copied %s to %s, and compared them\n", plural(int(totals.Events), "event"), to.Place())
	return nil
}

func (c *journalCommand) openSource(ctx context.Context) (*journal.Store, error) {
	opts, lease, err := c.place(c.from)
	if err != nil {
		return nil, err
	}
	store, err := journal.OpenStore(ctx, opts)
	if err != nil {
		return nil, explainJournal(err)
	}
	line := newLiveLine(c.stderr)
	line.show("looking whether somebody uses it")
	err = store.CheckIdle(ctx, lease)
	line.clear()
	if err != nil {
		return nil, explainJournal(errors.Join(err, store.Close()))
	}
	return store, nil
}

// place is how to open the journal that a flag names: a data directory, servers of NATS, or the journal of a configuration
// file. Without one it is the configuration's. lease is how long a process that shares it may be silent.
func (c *journalCommand) place(named string) (opts journal.Options, lease time.Duration, err error) {
	file := configPath(c.config)
	if ext := filepath.Ext(named); ext == ".yaml" || ext == ".yml" {
		file, named = named, ""
	}
	conf, err := config.LoadForClient(file, os.Getenv)
	if err != nil {
		return opts, 0, err
	}
	switch {
	case strings.Contains(named, "://"):
		conf.Journal.URL = named
	case named != "":
		conf.DataDir, conf.Journal.URL = named, ""
	}
	if conf.Journal.URL != "" {
		if err := conf.Journal.Validate(); err != nil {
			return opts, 0, err
		}
		conf.Journal.Node = cmp.Or(conf.Journal.Node, "copy") // the name of nobody who writes
	}
	opts, err = server.JournalOptions(conf)
	return opts, conf.Journal.Lease, err
}

func showProgress(line *liveLine) func(migrate.Progress) {
	return func(p migrate.Progress) {
		text := fmt.Sprintf("%s: %.0f %%", p.Doing, 100*p.Share)
		if p.Left > 0 {
			text += fmt.Sprintf(", %s left", p.Left)
		}
		line.show(text)
	}
}

// explainJournal adds to the usual reasons for which a journal is not copied what to do about them.
func explainJournal(err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return withHint(errors.New("interrupted"), "give the same command again: a copy goes on where it was, an export begins anew")
	case errors.Is(err, journal.ErrLocked):
		hint = "a server runs on this journal: stop it first, and all others that share it"
	case errors.Is(err, journal.ErrNoJournal):
		hint = "name the server's data directory, the one that has the folder journal in it"
	case errors.Is(err, journal.ErrOccupied):
		hint = "name a directory that is new or empty; nothing was changed"
	case errors.Is(err, journal.ErrUnfinished):
		hint = "give the command that began the copy again to finish it, or delete the copy"
	case errors.Is(err, journal.ErrFull):
		hint = "make room, or set journal.max_bytes in the configuration of the copy"
	case errors.Is(err, migrate.ErrChanged):
		hint = "stop the server that uses it, and give the command again"
	case errors.Is(err, archive.ErrFormat), errors.Is(err, archive.ErrDamaged), errors.Is(err, archive.ErrTruncated):
		hint = "nothing of it was used: take another backup"
	case errors.Is(err, journal.ErrUnavailable):
		hint = "see that the servers run, and give the same command again: a copy goes on where it was"
	}
	if hint == "" {
		return err
	}
	return withHint(err, hint)
}
