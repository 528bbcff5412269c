package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-ha/holdfast/harness/load"
)

// putLoad runs a load and prints its result as one line of JSON. It returns 0 however the broker fared, 1 when the result could not be
// had, 2 for wrong usage.
func putLoad(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o load.Options
	flags := flag.NewFlagSet("holdfast-probe load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Socket, "socket", "", "the broker's `socket`")
	flags.IntVar(&o.Clients, "clients", 1000, "clients in all")
	flags.IntVar(&o.Slow, "slow", 0, "of them, how many send and read a byte at a time")
	flags.IntVar(&o.HalfOpen, "half-open", 0, "of them, how many connect and say nothing")
	flags.DurationVar(&o.For, "for", 60*time.Second, "how long")
	flags.DurationVar(&o.Every, "every", time.Second, "`time` between two calls of a good client")
	flags.DurationVar(&o.Timeout, "timeout", 5*time.Second, "`time` given to a call")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintln(stderr, "holdfast-probe load: no arguments beside the flags; see --help")
		return 2
	}
	if _, err := o.Validate(); err != nil {
		fmt.Fprintln(stderr, "holdfast-probe", err)
		return 2
	}
	result, err := load.Run(ctx, o)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(stderr, "holdfast-probe", err)
		return 1
	}
	return 0
}
