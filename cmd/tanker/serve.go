package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"tanker/internal/config"
	"tanker/internal/gateway"
	"tanker/internal/journal"
	"tanker/internal/server"
	"tanker/internal/telemetry"
)

const serveHelp = `Usage: tanker serve [--config FILE] [--workspace-config FILE]

Takes events from RudderStack's SDKs and delivers them to Refiner, until it gets SIGTERM or Ctrl-C. It
then gives up its port, finishes what has begun and leaves the rest in the journal for the next start.

Without a configuration file the environment is enough, for one source and one destination:

  TANKER_WRITE_KEY      the key that SDKs present (required)
  REFINER_API_KEY       the API key of the Refiner environment (required)
  REFINER_ENDPOINT      where Refiner is (default https://api.refiner.io)
  TANKER_DATA_DIR       where events are kept (default ./tanker-data)
  TANKER_LISTEN         the port that SDKs send to (default 127.0.0.1:8080)
  TANKER_ADMIN_LISTEN   the port for operators: console, metrics, health, API (default 127.0.0.1:8081)
  TANKER_ADMIN_TOKEN    the token of the console and the admin API (default: made at the first start,
                        and printed then)
  TANKER_JOURNAL_URL    a NATS cluster that keeps the events instead of the data directory

With a file, several sources and destinations, renames, limits and more; the last five variables come
before what the file says. A file tanker.yaml in the working directory is used without being named.

--workspace-config (or TANKER_WORKSPACE_CONFIG) takes sources and destinations from the file that
RudderStack's server reads, workspaceConfig.json. TANKER_WRITE_KEY and REFINER_API_KEY are then not used.

Sources and destinations that change in these files are taken up while the server runs, within seconds, or
at once on SIGHUP. A file that is not right changes nothing, and the log says why.

  tanker config example > tanker.yaml     a file with every setting, explained
  tanker check                            is it right, and does Refiner accept the keys?`

// defaultConfig is the configuration file that is used without being named.
const defaultConfig = "tanker.yaml"

// runServe runs a server until ctx ends.
func runServe(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("serve")
	file := fs.String("config", "", "configuration `FILE` (default ./tanker.yaml if there is one, else the environment)")
	workspace := workspaceFlag(fs)
	words, err := parseFlags(fs, serveHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("serve", words); err != nil {
		return err
	}
	r := &reloader{path: configPath(*file), every: lookEvery, since: time.Now()}
	r.load = func() (*config.Config, error) { return loadConfig(r.path, environmentWith(*workspace)) }
	c, err := r.load()
	if err != nil {
		return err
	}
	if r.log, err = telemetry.NewLogger(stderr, c.Log.Level, c.Log.Format); err != nil {
		return err
	}
	r.log.Info("starting", "version", version, "config", readFrom(r.path, c), "data", c.DataDir)
	logWarnings(r.log, c)
	defer aimForMemory(c, os.Getenv)()
	return explainStart(serve(ctx, c, r, stdout))
}

// serve runs a server, and hands it what the reloader reads. A token that it makes goes to stdout, not to the log.
func serve(ctx context.Context, c *config.Config, r *reloader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes, hangups := make(chan *config.Config), make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	r.changes, r.asked = changes, hangups
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(ctx, c) })
	err := server.Run(ctx, c, server.Options{
		Version: gatewayVersion(), Logger: r.log, Changes: changes,
		TokenMade: func(token config.Secret) { fmt.Fprintf(stdout, tokenMade, token.Reveal()) },
	})
	cancel()
	watching.Wait()
	return err
}

// tokenMade is what the first start says.
const tokenMade = `
The token of the console and the admin API, shown this once: %s
Lost it? tanker token --new makes another; on this machine tanker console needs none.

`

// configPath is the file to read: the one that was named, or tanker.yaml where there is one. "" stands for
// the environment.
func configPath(named string) string {
	if named != "" {
		return named
	}
	if _, err := os.Stat(defaultConfig); err == nil {
		return defaultConfig
	}
	return ""
}

// workspaceFlag adds the flag that names a workspace configuration.
func workspaceFlag(fs *flag.FlagSet) *string {
	return fs.String("workspace-config", "", "RudderStack's workspace configuration `FILE`, to take sources and destinations from")
}

// environmentWith is the environment, with a workspace configuration if one is named.
func environmentWith(workspace string) func(string) string {
	return func(name string) string {
		if workspace != "" && name == config.WorkspaceVariable {
			return workspace
		}
		return os.Getenv(name)
	}
}

func orEnvironment(path string) string {
	if path == "" {
		return "environment"
	}
	return path
}

// readFrom says where a configuration was read from.
func readFrom(path string, c *config.Config) string {
	if c.Workspace.File == "" {
		return orEnvironment(path)
	}
	return orEnvironment(path) + " and " + c.Workspace.File
}

// loadConfig reads the configuration, and says what to do where there is none.
func loadConfig(path string, getenv func(string) string) (*config.Config, error) {
	c, err := config.Load(path, getenv)
	if err == nil {
		return c, nil
	}
	hint := "tanker config example shows every setting"
	if path == "" {
		hint = "set the variables, or write a configuration file: tanker help serve"
	}
	return nil, withHint(err, hint)
}

// gatewayVersion is what the server says of this program.
func gatewayVersion() gateway.Version {
	b := thisBuild()
	return gateway.Version{Version: b.Version, Commit: b.Commit, BuildDate: b.Built}
}

// explainStart adds to the usual reasons for which a server does not start what to do about them.
func explainStart(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrLocked):
		return withHint(err, "another Tanker runs with this data directory: stop it, or set data_dir (TANKER_DATA_DIR) to another")
	case strings.HasPrefix(err.Error(), "listen: "):
		return withHint(err, "choose another port with listen in the configuration, or TANKER_LISTEN")
	case strings.HasPrefix(err.Error(), "transformer.listen: "):
		return withHint(err, "choose another port with transformer.listen in the configuration")
	case strings.HasPrefix(err.Error(), "admin.listen: "):
		return withHint(err, "choose another port with admin.listen in the configuration, or TANKER_ADMIN_LISTEN")
	}
	return err
}
