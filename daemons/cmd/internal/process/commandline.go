package process

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// Exit codes of both daemons; the package comments of the programs tell what they mean there.
const (
	ExitOK = iota
	ExitConfig
	ExitUsage
	ExitNotOrderly
	ExitForced
)

// defaultConfig is where a package puts the configuration.
const defaultConfig = "/etc/holdfast/holdfast.conf"

// CommandLine is what a daemon was told at its start.
type CommandLine struct {
	Name   string // the program's, for messages
	Path   string // of the configuration file
	Check  bool   // only check the configuration
	Config config.Config
}

// ReadCommandLine reads the options and the configuration file; args[0] is the program. With done the program has said what
// there was to say (help, version, an error) and ends with the exit code.
func ReadCommandLine(args []string, stdout, stderr io.Writer) (c CommandLine, code int, done bool) {
	flags := flag.NewFlagSet(filepath.Base(args[0]), flag.ContinueOnError)
	flags.SetOutput(stderr)
	c.Name = flags.Name()
	flags.StringVar(&c.Path, "config", "", "configuration `file` (default "+defaultConfig+", under --root)")
	root := flags.String("root", "", "put every path, of this file too if --config does not name it, under `directory`")
	flags.BoolVar(&c.Check, "check", false, "check the configuration and exit")
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return c, ExitOK, true
	case err != nil:
		return c, ExitUsage, true
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s: unexpected argument %q; options begin with --\n", c.Name, flags.Arg(0))
		return c, ExitUsage, true
	case *version:
		fmt.Fprintln(stdout, c.Name, Version())
		return c, ExitOK, true
	}
	if c.Path == "" {
		c.Path = filepath.Join(*root, defaultConfig)
	}
	var err error
	if c.Config, err = config.LoadUnder(*root, c.Path); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", c.Name, err)
		return c, ExitConfig, true
	}
	return c, ExitOK, false
}

// Refuse says on stderr what is wrong with the configuration and returns the exit code for that.
func (c CommandLine) Refuse(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "%s: %s: %v\n", c.Name, c.Path, err)
	return ExitConfig
}
