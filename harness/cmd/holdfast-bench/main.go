// Command holdfast-bench prints a table of the daemons' speed and memory and writes it as JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/holdfast-ha/holdfast/harness/bench"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("holdfast-bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	bin := flags.String("bin", "bin", "`directory` of the built daemons")
	out := flags.String("out", "bench.json", "`file` for the figures as JSON")
	table := flags.String("rpc-table", "", "print how fast `HOST` answered in the run directories that follow, and measure nothing")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *table != "" {
		text, err := bench.RPCTable(*table, flags.Args()...)
		if err != nil {
			fmt.Fprintf(stderr, "holdfast-bench: %v\n", err)
			return 1
		}
		fmt.Fprintln(stdout, text)
		return 0
	}
	if err := measure(ctx, *bin, *out, stdout); err != nil {
		fmt.Fprintf(stderr, "holdfast-bench: %v\n", err)
		return 1
	}
	return 0
}

func measure(ctx context.Context, bin, out string, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var figures []bench.Figure
	for number, part := range []func(context.Context, string, string) ([]bench.Figure, error){bench.Run, bench.Crowd} {
		own := filepath.Join(dir, strconv.Itoa(number))
		if err := os.Mkdir(own, 0o755); err != nil {
			return err
		}
		more, err := part(ctx, bin, own)
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	w := tabwriter.NewWriter(stdout, 0, 4, 2, ' ', 0)
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%.3g\t%s\t%s\n", f.Name, f.Value, f.Unit, f.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(map[string]any{
		"when": time.Now().Format(time.RFC3339), "go": runtime.Version(), "processors": runtime.NumCPU(), "figures": figures,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(data, '\n'), 0o644)
}
