package run

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/harness/report"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
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

// versionsDeadline bounds asking the servers for their versions.
const versionsDeadline = 5 * time.Second

// ourVersions says what of our own ran, and on what. Binaries that were put in a daemon's place are named by their paths, so
// that nobody takes a mutant's verdict for the daemon's.
func ourVersions(seed int64, replaced map[string]string) map[string]string {
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
	return versions
}

// labVersions asks the programs of the lab, where they run, which version they are. What does not answer is left out.
func labVersions(ctx context.Context, c *container.Cluster) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, versionsDeadline)
	defer cancel()
	versions := map[string]string{"storage": string(c.Kind)}
	ask := func(run func(context.Context, ...string) (string, error), name string, argv ...string) {
		text, err := run(ctx, argv...)
		if first, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); err == nil && first != "" {
			versions[name] = first
		}
	}
	ask(c.Hosts[0].Run, "sanlock", "sanlock", "version")
	ask(c.Hosts[0].Run, "qemu-storage-daemon", "qemu-storage-daemon", "--version")
	switch c.Kind {
	case container.NFS:
		ask(c.Storage.Run, "nfs-ganesha", "ganesha.nfsd", "-v")
	case container.ISCSI:
		ask(c.Storage.Run, "tgt", "tgtd", "--version")
	case container.ISCSIGotgt: // a program of the user's, which has no word for its version
	}
	return versions
}

// writeVersions says in the run directory what ran.
func writeVersions(dir string, versions map[string]string) error {
	data, err := json.MarshalIndent(versions, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, report.VersionsFile), append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the versions: %w", err)
	}
	return nil
}
