package broker

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The core is a plain state machine: it imports nothing that reads a clock, opens a file, starts a goroutine or logs.
func TestTheCoreImportsOnlyPureThings(t *testing.T) {
	allowed := map[string]bool{
		"errors": true, "fmt": true, "io/fs": true, "slices": true, "strings": true,
		"time": true, // for time.Duration
		"github.com/holdfast-ha/holdfast/daemons/clock":      true,
		"github.com/holdfast-ha/holdfast/daemons/health":     true,
		"github.com/holdfast-ha/holdfast/daemons/whiteboard": true,
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		require.NoError(t, err)
		for _, imported := range parsed.Imports {
			path, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			require.True(t, allowed[path], "%s imports %s", set.Position(imported.Pos()), path)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if from, ok := n.X.(*ast.Ident); ok && (from.Name == "time" || from.Name == "clock") {
					require.Contains(t, []string{"Duration", "Second", "Millisecond", "Mono"}, n.Sel.Name,
						"%s uses %s.%s", set.Position(n.Pos()), from.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}
