// Command bench measures a whole Tanker: a load generator, `tanker serve` and a stand-in for Refiner that answers at
// once, all on this machine. Each scenario starts with an empty journal. It prints a table in Markdown.
//
//	go run ./bench            all scenarios
//	go run ./bench -only drain
//	go run ./bench -only cluster    Tankers on three NATS servers, which are processes of their own
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"

	"tanker/internal/natstest"
)

func main() {
	natstest.ServeIfAsked()
	os.Exit(start())
}

func start() int {
	only := flag.String("only", "", "run only the scenarios whose name contains this: drain, transformer, cluster, ...")
	verbose := flag.Bool("v", false, "show the server's log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, only string, verbose bool) error {
	b, err := newBench(ctx, verbose)
	if err != nil {
		return err
	}
	defer b.remove()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(table, "| scenario\t| measured\t|")
	fmt.Fprintln(table, "| ---\t| ---\t|")
	for _, s := range scenarios {
		if !strings.Contains(s.name, only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "running:", s.name)
		text, err := s.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(table, "| %s\t| %s\t|\n", s.name, text)
	}
	return table.Flush()
}
