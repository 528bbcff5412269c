package scenario

import "golang.org/x/tools/txtar"

// printSections puts the txtar sections behind the statements' text.
func printSections(text string, sections []txtar.File) string {
	return string(txtar.Format(&txtar.Archive{Comment: []byte(text), Files: sections}))
}
