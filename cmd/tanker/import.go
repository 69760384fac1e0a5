package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"tanker/event"
	"tanker/internal/backfill"
	"tanker/internal/transform"
)

const importHelp = `Usage: tanker import [FLAGS] FILE

Brings users and accounts into Refiner that are known elsewhere: reads a table (.csv) or events (.ndjson, one JSON
object on each line, as an SDK would send them), checks every row, and sends them through a running server, which
delivers them in order and within Refiner's limits. "-" reads standard input, which cannot be checked first.

A table's first line names its columns. Each row makes an identify call, and a group call if it names a group:

  userId, user_id, id                        the user's id
  email and every other column               traits of the user
  groupId, group_id, accountId, account_id   the account's id
  account.name, account.plan, …              traits of the account

Values are texts; "seats:number", "active:bool" and "tags:json" say otherwise. Empty fields are left out. --map says where
a column goes that has another name; it may be given several times:

  tanker import users.csv --dry-run
  tanker import users.csv --map ref=userId --map plan_name=plan --map seats=seats:number --map notes=

An import that was interrupted goes on where it was when it is started again: how far it came is kept in
FILE.import.json. Rows that cannot be used are written to FILE.refused.csv (or .ndjson) with the reason. The write key is
that of TANKER_WRITE_KEY, or of the variable that --write-key-env names.`

// importFlags is what the command line of import says.
type importFlags struct {
	transformFlags
	to, keyEnv, format string
	rules              []string
	dryRun             bool
	path               string
}

// runImport checks a file and sends it to a gateway.
func runImport(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f, err := parseImportFlags(args, stdout)
	if err != nil {
		return err
	}
	chain, err := f.chain(stderr)
	if err != nil {
		return err
	}
	if f.script != "" {
		runner, err := startScript(f.script, stderr)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		defer runner.Close()
		chain.Script = runner
	}
	mapper := transform.Entries{Chain: chain, Destination: f.destinationName()}
	im := &importer{importFlags: f, out: stdout, progress: stderr, shown: time.Now()}
	im.checker = &backfill.Checker{Mapper: mapper, Progress: im.checked}
	if f.path == "-" {
		err = im.stream(ctx, stdin)
	} else {
		err = im.importFile(ctx)
	}
	if errors.Is(err, context.Canceled) {
		return withHint(errors.New("import: interrupted"), "the same command goes on where it was")
	}
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

func parseImportFlags(args []string, stdout io.Writer) (importFlags, error) {
	var f importFlags
	fs := newFlags("import")
	fs.StringVar(&f.to, "to", "http://127.0.0.1:8080", "`URL` of the server that SDKs send to")
	fs.StringVar(&f.keyEnv, "write-key-env", "TANKER_WRITE_KEY", "`NAME` of the variable with the write key of the source to send as")
	fs.StringVar(&f.format, "format", "", "csv or ndjson; left out, the `FORMAT` is what the file's name ends with")
	fs.Func("map", "`COLUMN=TRAIT`: where a column goes", func(rule string) error { f.rules = append(f.rules, rule); return nil })
	fs.BoolVar(&f.dryRun, "dry-run", false, "check the rows and show what they would become, send nothing")
	fs.StringVar(&f.profile, "profile", "", "`PROFILE` to check by: documented (the default) or upstream")
	fs.StringVar(&f.config, "config", "", "configuration `FILE` to take a destination's mapping from, for the check")
	fs.StringVar(&f.destination, "destination", "", "`NAME` of the destination in the configuration; may be left out if there is only one")
	words, err := parseFlags(fs, importHelp, args, stdout)
	if err != nil {
		return f, err
	}
	return f, f.checkWords(fs, words)
}

func (f *importFlags) checkWords(fs *flag.FlagSet, words []string) error {
	if len(words) != 1 {
		return usagef("import", "import: one file is wanted, or - for standard input")
	}
	f.path = words[0]
	if f.format == "" {
		switch {
		case strings.HasSuffix(f.path, ".csv"):
			f.format = "csv"
		case strings.HasSuffix(f.path, ".ndjson"), strings.HasSuffix(f.path, ".jsonl"):
			f.format = "ndjson"
		}
	}
	switch {
	case f.format != "csv" && f.format != "ndjson":
		return usagef("import", "import: say with --format whether %s is csv or ndjson", f.path)
	case f.format == "ndjson" && len(f.rules) > 0:
		return usagef("import", "import: --map is for tables; events say themselves what they are")
	}
	return f.check(fs, nil)
}

// importer is one import.
type importer struct {
	importFlags
	out, progress io.Writer
	checker       *backfill.Checker
	rows          int // in the file; 0 if not known
	shown         time.Time
	began         time.Time
	begunAt       int // rows that were dealt with before this start
}

// open begins to read the file.
func (im *importer) open(in io.Reader) (backfill.Reader, []string, error) {
	if im.format == "ndjson" {
		return backfill.NewEvents(in), nil, nil
	}
	table, err := backfill.NewCSV(in, im.rules)
	if err != nil {
		return nil, nil, err
	}
	return table, table.Header(), nil
}

// stream imports standard input, which can be read once only.
func (im *importer) stream(ctx context.Context, in io.Reader) error {
	rows, header, err := im.open(in)
	if err != nil {
		return err
	}
	im.checker.Job = event.NewMessageID()
	if im.dryRun {
		r, err := im.checker.Check(ctx, rows)
		if err == nil {
			im.printReport(r, rows)
		}
		return err
	}
	refused := backfill.NewRefused("import.refused."+im.format, header, 0)
	return im.send(ctx, rows, backfill.State{Job: im.checker.Job}, "", refused)
}

// importFile checks a file, and sends it.
func (im *importer) importFile(ctx context.Context) error {
	file, err := os.Open(im.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, _, err := im.open(file); err != nil {
		return err // what is wrong with the header or the rules comes first
	}
	input, err := im.fingerprint(file)
	if err != nil {
		return err
	}
	statePath := im.path + ".import.json"
	state, err := backfill.LoadState(statePath, input, event.NewMessageID())
	if errors.Is(err, backfill.ErrOtherInput) {
		return withHint(fmt.Errorf("%w: the file or the flags have changed since", err), "delete "+statePath+" to begin anew")
	}
	if err != nil {
		return err
	}
	im.checker.Job = state.Job
	if state.Done && !im.dryRun {
		return withHint(fmt.Errorf("%s is imported already: %s rows", im.path, number(state.Rows)), "delete "+statePath+" to send it again")
	}
	if err := im.check(ctx, file); err != nil || im.dryRun {
		return err
	}
	rows, header, err := im.open(file)
	if err != nil {
		return err
	}
	return im.send(ctx, rows, state, statePath, backfill.NewRefused(im.path+".refused."+im.format, header, state.Written))
}

// check reads the whole file, says what it found and goes back to its beginning.
func (im *importer) check(ctx context.Context, file *os.File) error {
	rows, _, err := im.open(file)
	if err != nil {
		return err
	}
	r, err := im.checker.Check(ctx, rows)
	if err != nil {
		return err
	}
	im.rows = r.Rows
	im.printReport(r, rows)
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// fingerprint tells a file and the way it is read from others. It leaves the file at its beginning.
func (im *importer) fingerprint(file *os.File) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%d\n%s\n%q\n", info.Size(), im.format, im.rules)
	const head = 1 << 20
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.CopyN(hash, file, head); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	_, err = file.Seek(0, io.SeekStart)
	return hex.EncodeToString(hash.Sum(nil)), err
}

func (im *importer) printReport(r backfill.Report, rows backfill.Reader) {
	if table, ok := rows.(*backfill.CSV); ok {
		fmt.Fprintln(im.out, "columns:", strings.Join(table.Columns(), ", "))
	}
	fmt.Fprintf(im.out, "%s rows: %s can be used, %s cannot\n", number(r.Rows), number(r.Rows-r.Refused), number(r.Refused))
	problems := newTable("ROWS", "CANNOT BE USED BECAUSE")
	for _, reason := range byCount(r.Problems) {
		problems.add(number(r.Problems[reason]), reason)
	}
	if len(r.Problems) > 0 {
		problems.print(im.out, "  ")
	}
	fmt.Fprintf(im.out, "%s calls to Refiner, which take %s at %s a minute\n", number(r.Total()),
		span(time.Duration(r.Total())*time.Minute/refinerLimit), number(refinerLimit))
	for _, path := range byCount(r.Calls) {
		fmt.Fprintf(im.out, "  %s %s\n", number(r.Calls[path]), path)
	}
	for _, s := range r.Samples {
		fmt.Fprintf(im.out, "  row %d: POST %s %s\n", s.Row, s.Path, short(s.Body, 300))
	}
}

// refinerLimit is the number of calls that Refiner permits a minute.
const refinerLimit = 4000

func (im *importer) send(ctx context.Context, rows backfill.Reader, state backfill.State, statePath string, refused *backfill.Refused) error {
	key := os.Getenv(im.keyEnv)
	if key == "" {
		return withHint(fmt.Errorf("%s is not set", im.keyEnv), "it is to hold the write key of the source that the events are to come from")
	}
	if state.Rows > 0 {
		fmt.Fprintf(im.out, "going on after row %s\n", number(state.Rows))
	}
	im.began, im.shown, im.begunAt = time.Now(), time.Now(), state.Rows
	s := &backfill.Sender{
		Gateway: im.to, WriteKey: key, Client: &http.Client{Timeout: time.Minute}, Checker: im.checker, StatePath: statePath,
		Refuse: refused.Add, Progress: im.report,
		Waiting: func(reason string, wait time.Duration) {
			fmt.Fprintf(im.progress, "waiting %s: %s\n", span(wait), reason)
		},
	}
	state, err := s.Send(ctx, rows, state)
	err = errors.Join(err, refused.Close())
	if errors.Is(err, backfill.ErrRefused) {
		return withHint(err, "compare --to and the write key with the server's sources")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(im.out, "sent %s events of %s rows; %s rows could not be used\n", number(state.Sent), number(state.Rows), number(state.Refused))
	fmt.Fprintln(im.out, "the server has them on disk and delivers them: tanker status")
	return nil
}

// checked shows how far the check has come, now and then.
func (im *importer) checked(rows int) {
	if time.Since(im.shown) >= showEvery {
		im.shown = time.Now()
		fmt.Fprintf(im.progress, "checking: %s rows\n", number(rows))
	}
}

// showEvery is the time between two lines of progress.
const showEvery = 2 * time.Second

// report shows how far the import has come, now and then.
func (im *importer) report(s backfill.State) {
	if time.Since(im.shown) < showEvery {
		return
	}
	im.shown = time.Now()
	took := time.Since(im.began)
	rate := float64(s.Rows-im.begunAt) / took.Seconds()
	line := fmt.Sprintf("%s rows, %s a second", number(s.Rows), number(int(rate)))
	if im.rows > 0 && rate > 0 {
		left := time.Duration(float64(im.rows-s.Rows) / rate * float64(time.Second))
		line += fmt.Sprintf(", %d %%, %s left", s.Rows*100/im.rows, span(left))
	}
	fmt.Fprintln(im.progress, line)
}
