package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

const consoleHelp = `Usage: tanker console

Prints a link that opens a running server's console in a browser, without the token. It opens once, within
two minutes; the browser stays logged in for 12 hours after its last look, and a week at most.
` + remoteHelp

const tokenHelp = `Usage: tanker token --new

Has a running server make a new token for its admin API and its console, and prints it. The old one opens
nothing from then on, and everybody is logged out. The server itself keeps only a hash: write the token down.

A token from the configuration (TANKER_ADMIN_TOKEN, admin.token_env, admin.token_file) is changed there.
` + remoteHelp

// runConsole prints a link that opens the console.
func runConsole(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("console")
	var remote remoteFlags
	remote.define(fs)
	words, err := parseFlags(fs, consoleHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("console", words); err != nil {
		return err
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	link, err := client.LoginLink(ctx)
	if err != nil {
		return explainRemote(err)
	}
	fmt.Fprintf(stdout, "%s\n(opens once, within %d seconds)\n", plain(link.URL), int(time.Until(link.Until).Seconds()))
	return nil
}

// runToken replaces the token.
func runToken(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("token")
	var remote remoteFlags
	remote.define(fs)
	replace := fs.Bool("new", false, "replace the token")
	words, err := parseFlags(fs, tokenHelp, args, stdout)
	if err != nil {
		return err
	}
	if err := noWords("token", words); err != nil {
		return err
	}
	if !*replace {
		return usagef("token", "token: the server keeps only a hash, so it cannot show its token; --new makes another one")
	}
	client, err := remote.client()
	if err != nil {
		return err
	}
	token, err := client.RenewToken(ctx)
	if err != nil {
		return explainRemote(err)
	}
	fmt.Fprintln(stdout, plain(token.Reveal()))
	return nil
}
