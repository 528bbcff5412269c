package config

import (
	"fmt"
	"strings"
)

// Example returns the commented example file: every key with its meaning, its form and its default, each commented out,
// so that the file says the same as an empty one. It is what packaging/holdfast.conf contains.
func Example() string {
	var b strings.Builder
	b.WriteString(`# holdfast.conf: configuration of holdfast-broker and holdfast-agent.
#
# key = value, one a line; a line that starts with # is a comment. Unknown keys, keys given twice and bad values are
# refused with the line. Each key below is commented out and shows its default; only host_id has to be set.
`)
	section := ""
	for _, key := range Keys() {
		if key.Section != section {
			section = key.Section
			fmt.Fprintf(&b, "\n# ---- %s ----\n", section)
		}
		b.WriteString("\n")
		for _, line := range wrap(strings.ToUpper(key.Meaning[:1])+key.Meaning[1:]+".", 110) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		for _, line := range wrap("Value: "+key.Expected+"."+key.remarks(), 110) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		fmt.Fprintf(&b, "#%s\n", strings.TrimRight(key.Name+" = "+key.Default, " "))
	}
	return b.String()
}

func (k Key) remarks() string {
	var remarks string
	if k.Required {
		remarks += " Required."
	}
	if k.Scaled {
		remarks += " Scaled."
	}
	if k.Upstream != "" && k.Upstream != k.Name {
		remarks += " Upstream: " + k.Upstream + "."
	}
	return remarks
}

// wrap breaks text at blanks into lines of at most width bytes, longer only where a single word is.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		switch {
		case line == "":
			line = w
		case len(line)+1+len(w) <= width:
			line += " " + w
		default:
			lines = append(lines, line)
			line = w
		}
	}
	return append(lines, line)
}
