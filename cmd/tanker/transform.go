package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"tanker/internal/config"
	"tanker/internal/script"
	"tanker/internal/server"
	"tanker/internal/transform"
	"tanker/mapping"
)

const transformHelp = `Usage: tanker transform [FLAGS] [FILE]

Reads RudderStack messages, one JSON object on each line, from FILE or from standard input, and prints
for each the call to Refiner that it becomes, also as a line of JSON. Nothing is sent. A line is one of

  {"messageId":"m1","call":{"method":"POST","path":"/v1/identify-user","body":{"id":"u1"}}}
  {"messageId":"m2","rejected":{"reason":"no_identity","message":"The event names no user: …"}}
  {"messageId":"m3","filtered":{"reason":"unsupported_type"}}

messageId is null if the message has none. A line that is no JSON object is rejected as malformed and
one of more than 4,096,000 bytes as too_large, with the number of the line; the others are mapped all
the same. Blank lines are passed over.

  echo '{"type":"identify","userId":"u1","traits":{"plan":"pro"}}' | tanker transform
  tanker transform --profile upstream events.ndjson
  tanker transform --config tanker.yaml --destination refiner --strict events.ndjson

--script FILE runs a RudderStack transformation over each event before it is mapped: JavaScript with an
exported function transformEvent(event, metadata) or transformBatch(events, metadata). What it logs goes
to standard error. An event that it makes several of has a line for each call.

  tanker transform --script mask.js events.ndjson
  tanker transform --script mask.js --test cases/

--test DIR compares instead of printing. In DIR each case is a file NAME.json of one event or several, one
after the other, and what becomes of them is in NAME.expected.json: the lines above, in any layout.
--update writes these files. All events of a case are accepted at 2026-01-01T00:00:00Z.

Settings are the ones of a destination in tanker.yaml (--config, which needs none of the keys that it
names), its filter and its transformation among them, or those of a RudderStack destination (--settings FILE, with its Config in JSON:
{"userAttributesMapping":[{"from":"age","to":"years"}],"accountAttributesMapping":[]}).`

// transformFlags is what the command line of transform says.
type transformFlags struct {
	profile, config, destination, settings string
	script, test                           string
	strict, update                         bool
	file                                   string // "" is standard input
}

// runTransform prints the calls that events become.
func runTransform(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f, err := parseTransformFlags(args, stdout)
	if err != nil {
		return err
	}
	chain, err := f.chain(stderr)
	if err != nil {
		return err
	}
	o := transform.Options{Mapper: chain.Mapper, Check: chain.Check, Source: "source", Destination: f.destinationName()}
	if f.script != "" {
		runner, err := startScript(f.script, stderr)
		if err != nil {
			return fmt.Errorf("transform: %w", err)
		}
		defer runner.Close()
		o.Script, o.Log = runner, func(line string) { fmt.Fprintln(stderr, "log:", line) }
	}
	if f.test != "" {
		return runCases(ctx, f.test, cases{options: o, update: f.update, out: stdout})
	}
	return f.transform(ctx, stdin, stdout, o)
}

// startScript starts a transformation, which tells of trouble with its process on stderr.
func startScript(path string, stderr io.Writer) (*script.Runner, error) {
	return server.StartScript(path, slog.New(slog.NewTextHandler(stderr, nil)))
}

func (f *transformFlags) transform(ctx context.Context, stdin io.Reader, stdout io.Writer, o transform.Options) error {
	if f.file != "" {
		file, err := os.Open(f.file)
		if err != nil {
			return fmt.Errorf("transform: %w", err)
		}
		defer file.Close()
		stdin = file
	}
	counts, err := transformAll(ctx, stdin, stdout, o)
	if err != nil {
		return fmt.Errorf("transform: %w", err)
	}
	if f.strict && counts.Rejected > 0 {
		return fmt.Errorf("transform: %d of %d events were rejected", counts.Rejected, counts.Total())
	}
	return nil
}

// transformAll ends when the input does or when ctx does. Reading from a terminal cannot be interrupted: what
// still waits for a line then is left behind, for the process to end with.
func transformAll(ctx context.Context, in io.Reader, out io.Writer, o transform.Options) (transform.Counts, error) {
	type result struct {
		counts transform.Counts
		err    error
	}
	done := make(chan result, 1)
	go func() {
		counts, err := transform.Run(ctx, in, out, o)
		done <- result{counts, err}
	}()
	select {
	case r := <-done:
		return r.counts, r.err
	case <-ctx.Done():
		return transform.Counts{}, errors.New("interrupted")
	}
}

func parseTransformFlags(args []string, stdout io.Writer) (transformFlags, error) {
	var f transformFlags
	fs := newFlags("transform")
	fs.StringVar(&f.profile, "profile", "", "`PROFILE` to map by: documented (the default), or upstream for what rudder-transformer does")
	fs.StringVar(&f.config, "config", "", "configuration `FILE` to take a destination's settings from")
	fs.StringVar(&f.destination, "destination", "", "`NAME` of the destination in the configuration; may be left out if there is only one")
	fs.StringVar(&f.settings, "settings", "", "`FILE` with the Config of a RudderStack destination, in JSON")
	fs.StringVar(&f.script, "script", "", "`FILE` with a RudderStack transformation to run first, in JavaScript")
	fs.StringVar(&f.test, "test", "", "`DIR` of cases to compare with what is expected of them")
	fs.BoolVar(&f.update, "update", false, "with --test: write what is expected instead of comparing")
	fs.BoolVar(&f.strict, "strict", false, "end with exit code 1 if any event was rejected")
	words, err := parseFlags(fs, transformHelp, args, stdout)
	if err != nil {
		return f, err
	}
	return f, f.check(fs, words)
}

func (f *transformFlags) check(fs *flag.FlagSet, words []string) error {
	switch {
	case len(words) > 1:
		return usagef(fs.Name(), "transform: one file at a time: %q is not expected here", words[1])
	case f.config != "" && f.settings != "":
		return usagef(fs.Name(), "transform: --config and --settings exclude each other")
	case f.destination != "" && f.config == "":
		return usagef(fs.Name(), "transform: --destination needs --config, the file that it is in")
	case f.test != "" && (len(words) > 0 || f.strict):
		return usagef(fs.Name(), "transform: --test takes its events from its folder: no file and no --strict with it")
	case f.update && f.test == "":
		return usagef(fs.Name(), "transform: --update needs --test, the folder with the cases")
	}
	if len(words) == 1 && words[0] != "-" {
		f.file = words[0]
	}
	return nil
}

// destinationName is what a script is told.
func (f *transformFlags) destinationName() string {
	if f.destination != "" {
		return f.destination
	}
	return "refiner"
}

// chain makes what the flags ask for, apart from the script, and warns of what will not be carried out.
func (f *transformFlags) chain(stderr io.Writer) (transform.Chain, error) {
	c, warnings, err := f.newChain()
	for _, warning := range warnings {
		fmt.Fprintln(stderr, "tanker: warning:", warning)
	}
	return c, err
}

// newChain takes a destination's filter and mapping, or without a destination a mapping alone.
func (f *transformFlags) newChain() (transform.Chain, []string, error) {
	if f.config != "" {
		return f.destinationChain()
	}
	var s mapping.Settings
	if f.settings != "" {
		var err error
		if s, err = readSettings(f.settings); err != nil {
			return transform.Chain{}, nil, err
		}
	}
	if f.profile != "" {
		s.Profile = mapping.Profile(f.profile)
	}
	m, err := mapping.New(s)
	if err != nil {
		return transform.Chain{}, nil, usagef("transform", "transform: %w", err)
	}
	return transform.Chain{Mapper: m}, m.Warnings(), nil
}

// destinationChain is what becomes of events on their way to a destination of the configuration. Its transformation
// is used if no other one is given.
func (f *transformFlags) destinationChain() (transform.Chain, []string, error) {
	c, err := config.LoadWithoutSecrets(f.config)
	if err != nil {
		return transform.Chain{}, nil, err
	}
	d, err := f.choose(c.Destinations)
	if err != nil {
		return transform.Chain{}, nil, err
	}
	f.destination = d.Name
	if f.profile != "" {
		d.Profile = f.profile
	}
	if f.script == "" {
		f.script = d.Transformation
	}
	chain, warnings, err := server.NewChain(d)
	if err != nil {
		return transform.Chain{}, nil, usagef("transform", "transform: %w", err)
	}
	return chain, warnings, nil
}

// readSettings reads the renames of a RudderStack destination.
func readSettings(path string) (mapping.Settings, error) {
	data, err := readSettingsFile(path)
	if err != nil {
		return mapping.Settings{}, fmt.Errorf("transform: %w", err)
	}
	s, err := mapping.ParseRudderConfig(data)
	if err != nil {
		return s, withHint(fmt.Errorf("transform: %s: %w", path, err),
			`the file holds one JSON object, like {"userAttributesMapping":[{"from":"age","to":"years"}]}`)
	}
	return s, nil
}

// choose finds the destination that is meant.
func (f *transformFlags) choose(destinations []config.Destination) (config.Destination, error) {
	var names []string
	for _, d := range destinations {
		if d.Name == f.destination || f.destination == "" && len(destinations) == 1 {
			return d, nil
		}
		names = append(names, d.Name)
	}
	known := strings.Join(names, ", ")
	if f.destination == "" {
		return config.Destination{}, usagef("transform", "transform: say with --destination which one is meant: %s", known)
	}
	return config.Destination{}, usagef("transform", "transform: %s has no destination %q, only %s", f.config, f.destination, known)
}

// maxSettings is how large a file with a destination's Config may be, in bytes.
const maxSettings = 1 << 20

func readSettingsFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSettings+1))
	if err == nil && len(data) > maxSettings {
		err = fmt.Errorf("%s: is larger than %d bytes", path, maxSettings)
	}
	return data, err
}
