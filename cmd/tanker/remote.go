package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
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
	fs.StringVar(&f.address, "admin", "", "`ADDRESS` of the server's admin API (default: the configuration's)")
	fs.StringVar(&f.dataDir, "data-dir", "", "`DIR` of the server's data, where its token is (default: the configuration's)")
	fs.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token (default: TANKER_ADMIN_TOKEN, the configuration's, or the data directory's)")
}

// remoteHelp is what the help of such commands says about finding the server.
const remoteHelp = `
The server is found by its configuration: tanker.yaml, TANKER_ADMIN_LISTEN and TANKER_DATA_DIR, or the
flags. Its token is TANKER_ADMIN_TOKEN, or the one that the server keeps in its data directory.`

// client finds the server and its token.
func (f *remoteFlags) client() (*admin.Client, error) {
	c, err := config.LoadForClient(configPath(f.config), os.Getenv)
	if err != nil {
		return nil, err
	}
	token, err := f.token(c)
	if err != nil {
		return nil, err
	}
	return admin.NewClient(cmp.Or(f.address, c.Admin.Listen), token), nil
}

func (f *remoteFlags) token(c *config.Config) (config.Secret, error) {
	if f.tokenFile == "" && !c.Admin.Token.IsZero() {
		return c.Admin.Token, nil
	}
	path := cmp.Or(f.tokenFile, admin.TokenPath(cmp.Or(f.dataDir, c.DataDir)))
	token, err := admin.ReadToken(path)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no admin token in %s", path)
	}
	return token, withHint(err, "name the server's data directory with --data-dir, or set TANKER_ADMIN_TOKEN; a server makes its token at its first start")
}

// explainRemote adds to the error of a question what to do about it.
func explainRemote(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*admin.RefusedError](err); ok && refused.Hint != "" {
		return withHint(err, refused.Hint)
	}
	if at, ok := errors.AsType[*url.Error](err); ok {
		if errors.Is(err, syscall.ECONNREFUSED) {
			return withHint(fmt.Errorf("no server answers at %s", hostOf(at.URL)), "start one with tanker serve, or name the address of its admin API with --admin")
		}
		return withHint(fmt.Errorf("ask the server at %s: %w", hostOf(at.URL), at.Err), "name the address of its admin API with --admin")
	}
	return err
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}
