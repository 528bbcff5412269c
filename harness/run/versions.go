package run

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/harness/report"
)

// Version says what this program was built from: module version, revision where it is known, Go release.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "holdfast (no build information)"
	}
	text := "holdfast " + orWord(info.Main.Version, "(devel)")
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" && s.Value == "true" {
			text += " " + strings.TrimPrefix(s.Value, "true")
		}
	}
	return text + " " + info.GoVersion
}

// writeVersions says in the run directory what ran. Binaries that were put in a daemon's place are named by their paths, so that
// nobody takes a mutant's verdict for the daemon's.
func writeVersions(dir string, seed int64, replaced map[string]string) error {
	var name unix.Utsname
	_ = unix.Uname(&name)
	versions := map[string]string{
		"holdfast":     Version(),
		"kernel":       unix.ByteSliceToString(name.Release[:]),
		"architecture": runtime.GOARCH,
		"processors":   strconv.Itoa(runtime.NumCPU()),
		"seed":         strconv.FormatInt(seed, 10),
	}
	for name, path := range replaced {
		versions[name] = "replaced by " + path
	}
	data, err := json.MarshalIndent(versions, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, report.VersionsFile), append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the versions: %w", err)
	}
	return nil
}
