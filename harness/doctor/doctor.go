// Package doctor finds out what this machine can do for the harness, what is missing, and how to get it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/fixtures/images"
	"github.com/holdfast-ha/holdfast/harness/needs"
)

// What a capability is needed for.
const (
	ForContainers = "container tier" // without it `holdfast run` ends SKIP
	ForTests      = "tests"
	NiceToHave    = "" // shown, never required
)

// Capability is one thing that the harness may need.
type Capability struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed string `json:"needed"` // one of the For constants, or "" = nice to have
	Found  string `json:"found"`  // what was seen
	Cure   string `json:"cure,omitempty"`
}

// Blocking returns the missing capabilities without which the container tier cannot run.
func Blocking(list []Capability) []Capability {
	return slices.DeleteFunc(slices.Clone(list), func(c Capability) bool { return c.OK || c.Needed != ForContainers })
}

// Examine probes the machine, within 15 s, and returns the capabilities in a fixed order.
func Examine(ctx context.Context) []Capability {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	list := engine(ctx)
	return append(list,
		fuse("/dev/fuse"), appArmor("/sys/module/apparmor/parameters/enabled"), controlGroups("/proc/self/mounts"),
		diskSpace("run directory (working directory)", ".", 1<<30, "free some space, or point --out elsewhere"),
		diskSpace("sockets (/tmp)", "/tmp", 16<<20, "free some space in /tmp"),
		packages(), goToolchain(ctx), raceDetector(),
		kernelClient("NFS", "nfs", "/proc/filesystems"), kernelClient("iSCSI", "iscsi_tcp", "/proc/modules"),
		device("/dev/kvm", NiceToHave, "run on a machine with hardware virtualisation"),
	)
}

// engine asks the Docker engine what it is, and for the image.
func engine(ctx context.Context) []Capability {
	c := Capability{Name: "docker engine", Needed: ForContainers, Cure: "ci/setup.sh (installs docker.io and starts an engine), or set DOCKER_HOST"}
	cli, err := client.New(client.FromEnv)
	if err != nil {
		c.Found = err.Error()
		return []Capability{c}
	}
	defer cli.Close()
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	info, err := cli.Info(ask, client.InfoOptions{})
	if err != nil {
		c.Found = fmt.Sprintf("%s: %v", cli.DaemonHost(), err)
		if errors.Is(err, syscall.EACCES) {
			c.Cure = "add your user to the group docker (usermod -aG docker $USER) and log in again, or use sudo"
		}
		return []Capability{c, {Name: "image " + images.Tag, Needed: ForContainers, Found: "no engine to ask", Cure: "make images, once an engine answers"}}
	}
	c.OK, c.Cure = true, ""
	c.Found = fmt.Sprintf("%s, API %s, storage %s, cgroup v%s (%s), at %s",
		info.Info.ServerVersion, cli.ClientVersion(), info.Info.Driver, info.Info.CgroupVersion, info.Info.CgroupDriver, cli.DaemonHost())
	list := []Capability{c, rootful(info.Info.SecurityOptions), image(ctx, cli)}
	if info.Info.DockerRootDir != "" {
		if _, err := os.Stat(info.Info.DockerRootDir); err == nil {
			list = append(list, diskSpace("engine's data ("+info.Info.DockerRootDir+")", info.Info.DockerRootDir, 1<<30, "docker system prune, or move data-root"))
		}
	}
	return list
}

// rootful: the containers need the real /dev/fuse and the rights that FUSE mounts want.
func rootful(options []string) Capability {
	c := Capability{Name: "engine runs as root", OK: true, Needed: ForContainers, Found: strings.Join(options, ", ")}
	if slices.ContainsFunc(options, func(s string) bool { return strings.Contains(s, "rootless") || strings.Contains(s, "userns") }) {
		c.OK, c.Cure = false, "use an engine that runs as root without user namespace remapping: FUSE mounts in containers need it"
	}
	return c
}

func image(ctx context.Context, cli *client.Client) Capability {
	c := Capability{Name: "image " + images.Tag, Needed: ForContainers}
	state, err := images.Inspect(ctx, cli)
	missing := images.Missing()
	switch {
	case err != nil:
		c.Found, c.Cure = err.Error(), "make images"
	case state.Current, state.Present && len(missing) > 0:
		c.OK, c.Found = true, "present, made from "+state.Recipe
	case len(missing) == 0:
		c.OK, c.Found = true, "will be made from the installed packages in about a second at the first run"
	default:
		c.Found = "absent, and not installed here: " + strings.Join(missing, ", ")
		c.Cure = "ci/setup.sh installs the packages; or, with an image registry: " + images.BaseEnv + "=debian:bookworm-slim make images"
	}
	return c
}

func fuse(path string) Capability {
	c := Capability{Name: path, Needed: ForContainers, Cure: "modprobe fuse"}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		c.Found = err.Error()
	case st.Mode()&os.ModeCharDevice == 0:
		c.Found = "not a character device"
	default:
		c.OK, c.Found, c.Cure = true, "character device, used inside containers only", ""
	}
	return c
}

func appArmor(path string) Capability {
	c := Capability{Name: "AppArmor", OK: true, Needed: NiceToHave, Found: "not active"}
	if b, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(b), "Y") {
		c.Found = "active: the lab's containers run with apparmor=unconfined, because FUSE mounts are refused otherwise"
	}
	return c
}

func controlGroups(mounts string) Capability {
	c := Capability{Name: "control groups", Needed: ForContainers, Found: "none mounted", Cure: "ci/setup.sh mounts them where it starts the engine"}
	b, err := os.ReadFile(mounts)
	if err != nil {
		c.Found = err.Error()
		return c
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && strings.HasPrefix(fields[2], "cgroup") {
			c.OK, c.Cure, c.Found = true, "", "v1"
			if fields[2] == "cgroup2" && fields[1] == "/sys/fs/cgroup" {
				c.Found = "v2"
				return c
			}
		}
	}
	return c
}

// diskSpace looks at the file system of a path.
func diskSpace(name, path string, need int64, cure string) Capability {
	c := Capability{Name: "disk space, " + name, Needed: ForContainers, Cure: cure}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		c.Found = err.Error()
		return c
	}
	free := int64(fs.Bavail) * fs.Bsize
	c.Found = fmt.Sprintf("%d MiB free, want %d", free>>20, need>>20)
	if free >= need {
		c.OK, c.Cure = true, ""
	}
	return c
}

// packages are what the image is made of where there is no registry; the image itself is the capability that is needed.
func packages() Capability {
	c := Capability{Name: "packages of the lab", Needed: NiceToHave}
	if missing := images.Missing(); len(missing) > 0 {
		c.Found = "not installed: " + strings.Join(missing, ", ")
		c.Cure = "ci/setup.sh, or apt-get install --no-install-recommends " + strings.Join(images.Packages(), " ")
		return c
	}
	c.OK, c.Found = true, strings.Join(images.Packages(), " ")
	return c
}

func goToolchain(ctx context.Context) Capability {
	c := Capability{Name: "Go", Needed: ForTests, Found: "not found; this program was built with " + runtime.Version(), Cure: "ci/setup.sh"}
	path, err := needs.FindProgram("go")
	if err != nil {
		path = "/usr/local/go/bin/go"
	}
	if out, err := exec.CommandContext(ctx, path, "env", "GOVERSION").Output(); err == nil {
		c.OK, c.Cure, c.Found = true, "", strings.TrimSpace(string(out))+" at "+path
	}
	return c
}

func raceDetector() Capability {
	c := Capability{Name: "C compiler (race detector)", Needed: ForTests, Found: "gcc not found", Cure: "apt-get install gcc libc6-dev"}
	if p, err := needs.FindProgram("gcc"); err == nil {
		c.OK, c.Cure, c.Found = true, "", p
	}
	return c
}

// kernelClient tells whether the kernel itself could attach such storage. The container tier attaches in user space.
func kernelClient(what, module, list string) Capability {
	c := Capability{Name: "kernel client for " + what, Needed: NiceToHave, Cure: "a kernel with the module " + module + "; the container tier does not need it"}
	if b, err := os.ReadFile(list); err == nil && slices.ContainsFunc(strings.Fields(string(b)), func(s string) bool { return s == module }) {
		c.OK, c.Cure, c.Found = true, "", "loaded"
		return c
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		release := unix.ByteSliceToString(name.Release[:])
		if found, err := filepath.Glob("/lib/modules/" + release + "/kernel/*/*/" + module + ".ko*"); err == nil && len(found) > 0 {
			c.OK, c.Cure, c.Found = true, "", "module "+found[0]
			return c
		}
		c.Found = "kernel " + release + " has none; qemu-storage-daemon attaches instead"
	}
	return c
}

func device(path, needed, cure string) Capability {
	c := Capability{Name: path, Needed: needed, Cure: cure}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		c.Found = err.Error()
		return c
	}
	f.Close()
	c.OK, c.Cure, c.Found = true, "", "usable"
	return c
}
