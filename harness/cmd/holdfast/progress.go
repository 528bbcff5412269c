package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/holdfast-ha/holdfast/harness/run"
)

// progressTo prints what goes on: plain lines, and on a terminal also what is being waited for, in a line that is overwritten.
// done takes that line away.
func progressTo(out io.Writer) (show func(run.Progress), done func()) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(p run.Progress) {
			if !p.Begins {
				fmt.Fprintln(out, p)
			}
		}, func() {}
	}
	const clear = "\r\x1b[K"
	show = func(p run.Progress) {
		if !p.Begins {
			fmt.Fprintf(out, "%s%s\n", clear, p)
			return
		}
		line := p.String()
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 && len(line) > width-5 {
			line = line[:max(width-5, 0)]
		}
		fmt.Fprintf(out, "%s%s ...", clear, line)
	}
	return show, func() { fmt.Fprint(out, clear) }
}
