package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"tanker/internal/admin"
	"tanker/internal/config"
)

// remoteFlags are the flags of commands that ask a running server.
type remoteFlags struct {
	config, dataDir, address, tokenFile string
}

func (f *remoteFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.config, "config", "", "configuration `FILE` of the server (default ./tanker.yaml if there is one)")
	fs.StringVar(&f.address, "admin", "", "`ADDRESS` of the server's admin API (default: the configuration's); asks for a token")
	fs.StringVar(&f.dataDir, "data-dir", "", "`DIR` of the data of a server on this machine; needs no token (default: the configuration's)")
	fs.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token (default: TANKER_ADMIN_TOKEN, or the configuration's)")
}

// remoteHelp is what the help of such commands says about finding the server.
const remoteHelp = `
A server on this machine is found by its data directory (tanker.yaml, TANKER_DATA_DIR or --data-dir), whose
owner needs no token. One elsewhere is found by its address (--admin or TANKER_ADMIN_LISTEN) and asks for its
token: TANKER_ADMIN_TOKEN, or --token-file.`

// client finds the server: with a token by its address, without one by its data directory.
func (f *remoteFlags) client() (*admin.Client, error) {
	c, err := config.LoadForClient(configPath(f.config), os.Getenv)
	if err != nil {
		return nil, err
	}
	token, err := f.token(c)
	if err != nil {
		return nil, err
	}
	if !token.IsZero() && f.dataDir == "" {
		return admin.NewClient(cmp.Or(f.address, c.Admin.Listen), token), nil
	}
	if f.address != "" {
		return nil, withHint(fmt.Errorf("the server at %s asks for a token, and there is none", f.address),
			"set TANKER_ADMIN_TOKEN, or name a file with --token-file; on the server's own machine --data-dir is enough")
	}
	client, err := admin.NewSocketClient(cmp.Or(f.dataDir, c.DataDir))
	return client, withHint(err, "use a shorter data_dir, or set TANKER_ADMIN_TOKEN")
}

// token is the one that was named; none is no error.
func (f *remoteFlags) token(c *config.Config) (config.Secret, error) {
	if f.tokenFile == "" {
		return c.Admin.Token, nil
	}
	text, err := os.ReadFile(f.tokenFile)
	if err != nil {
		return config.Secret{}, fmt.Errorf("token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return config.Secret{}, fmt.Errorf("token: %s is empty", f.tokenFile)
	}
	return config.NewSecret(token), nil
}

// explainRemote adds to the error of a question what to do about it.
func explainRemote(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*admin.RefusedError](err); ok && refused.Hint != "" {
		return withHint(err, refused.Hint)
	}
	if at, ok := errors.AsType[*net.OpError](err); ok && at.Net == "unix" {
		return explainSocket(at)
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return withHint(fmt.Errorf("no server answers at %s", hostOf(at.URL)), "start one with tanker serve, or name the address of its admin API with --admin")
		}
		return withHint(fmt.Errorf("ask the server at %s: %w", hostOf(at.URL), at.Err), "name the address of its admin API with --admin")
	}
	return err
}

// explainSocket says what to do when the socket of a data directory does not answer.
func explainSocket(at *net.OpError) error {
	if errors.Is(at, os.ErrPermission) {
		return withHint(fmt.Errorf("you may not use the server's socket %s", at.Addr), "run the command as the server's user, or set TANKER_ADMIN_TOKEN")
	}
	return withHint(fmt.Errorf("no server answers at %s", at.Addr),
		"start one with tanker serve, name its data directory with --data-dir, or for one elsewhere its address with --admin and its token in TANKER_ADMIN_TOKEN")
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
