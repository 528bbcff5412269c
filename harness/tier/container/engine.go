package container

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"
	apimount "github.com/moby/moby/api/types/mount"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"

	"github.com/holdfast-ha/holdfast/fixtures/images"
)

// Labels on everything that the tier makes in the engine.
const (
	LabelRun      = "holdfast.run"      // run id
	LabelRunDir   = "holdfast.rundir"   // run directory
	LabelSockDir  = "holdfast.sockdir"  // directory of sockets
	LabelPID      = "holdfast.pid"      // the harness process
	LabelPIDStart = "holdfast.pidstart" // its start time, clock ticks since boot: a process id alone may be used again
)

// ErrNoEngine is wrapped by every error that means that no Docker engine answers.
var ErrNoEngine = errors.New("no Docker engine answers")

// connect returns a client of the engine without asking it for anything yet.
//
// The environment variables are set for testcontainers: where the harness itself runs in a container it would otherwise take the
// default gateway for the engine's host and dial it; and its own cleaner needs an image from a registry, while this package
// cleans up by labels.
func connect() (*client.Client, error) {
	for k, v := range map[string]string{"TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1", "TESTCONTAINERS_RYUK_DISABLED": "true"} {
		if err := os.Setenv(k, v); err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return cli, nil
}

// dial returns a client of the engine after one sign of life from it.
func dial(ctx context.Context) (*client.Client, error) {
	cli, err := connect()
	if err != nil {
		return nil, err
	}
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		cli.Close()
		cure := "start one (ci/setup.sh does), or set DOCKER_HOST"
		if errors.Is(err, syscall.EACCES) {
			cure = "add your user to the group docker and log in again, or use sudo"
		}
		return nil, fmt.Errorf("%w at %s; cure: %s: %w", ErrNoEngine, cli.DaemonHost(), cure, err)
	}
	return cli, nil
}

// subnetTries is how many /24 networks of 10.213.0.0/16 are tried before giving up.
const subnetTries = 64

// makeNetwork makes a bridge network with a subnet of its own, so that containers can have fixed addresses. The first candidate
// comes from the run id, which keeps clusters that start together apart; the engine refuses a subnet that is taken.
func makeNetwork(ctx context.Context, runID string, labels map[string]string) (Network, netip.Prefix, error) {
	ctx, cancel, err := whole(ctx)
	if err != nil {
		return Network{}, netip.Prefix{}, err
	}
	defer cancel()
	h := fnv.New32a()
	h.Write([]byte(runID))
	first := h.Sum32()
	var last error
	for try := range uint32(subnetTries) {
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 213, byte(first + try*37), 0}), 24)
		if inUse(subnet) {
			continue
		}
		n, err := tcnetwork.New(ctx, tcnetwork.WithDriver("bridge"), tcnetwork.WithLabels(labels),
			tcnetwork.WithIPAM(&apinetwork.IPAM{Driver: "default", Config: []apinetwork.IPAMConfig{{Subnet: subnet}}}))
		if err == nil {
			return Network{Name: n.Name, ID: n.ID, Subnet: subnet.String()}, subnet, nil
		}
		last = err
		if !strings.Contains(err.Error(), "overlap") {
			break
		}
	}
	return Network{}, netip.Prefix{}, fmt.Errorf("network: no bridge network could be made in 10.213.0.0/16: %w; cure: `holdfast gc`, `docker network prune`", last)
}

// inUse reports whether an address of this machine lies in the subnet.
func inUse(subnet netip.Prefix) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && subnet.Overlaps(p.Masked()) {
			return true
		}
	}
	return false
}

// containerSpec is one container to start.
type containerSpec struct {
	name     string // container and host name
	runID    string
	network  string
	address  netip.Addr
	caps     []string
	mounts   []apimount.Mount
	labels   map[string]string
	apparmor bool // AppArmor is active and must be told to let FUSE mounts through
}

// makeWithin bounds the making of a network or a container, which nothing else ends; see whole.
const makeWithin = 30 * time.Second

// whole returns a context for making something in the engine: it does not end when its parent does (Ctrl-C, another host's
// failure). The engine would go on with a request whose caller went away, and make what the teardown, a moment earlier, did
// not find.
func whole(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeWithin)
	return ctx, cancel, nil
}

// start starts the container with the attendant as its first process and returns its id.
func (s containerSpec) start(ctx context.Context) (string, error) {
	ctx, cancel, err := whole(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: testcontainers.ContainerRequest{
			Image: images.Tag, Name: "holdfast-" + s.runID + "-" + s.name,
			Entrypoint: []string{"/holdfast/bin/holdfast-attendant"}, Cmd: []string{"--socket", "/run/holdfast/attendant.sock"},
			Labels: s.labels, Networks: []string{s.network},
			ConfigModifier: func(c *apicontainer.Config) { c.Hostname = s.name },
			HostConfigModifier: func(h *apicontainer.HostConfig) {
				h.CapAdd = s.caps
				h.Mounts = s.mounts
				h.Devices = []apicontainer.DeviceMapping{{PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm"}}
				h.LogConfig = apicontainer.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m"}}
				if s.apparmor {
					h.SecurityOpt = append(h.SecurityOpt, "apparmor=unconfined")
				}
			},
			EndpointSettingsModifier: func(m map[string]*apinetwork.EndpointSettings) {
				for _, e := range m {
					e.IPAMConfig = &apinetwork.EndpointIPAMConfig{IPv4Address: s.address}
				}
			},
		},
		Started: true, Logger: tclog.NewNoopLogger(),
	})
	id := ""
	if c != nil {
		id = c.GetContainerID()
	}
	if err != nil {
		return id, fmt.Errorf("container %s: %w%s", s.name, err, startCure(err))
	}
	return id, nil
}

// startCure adds what to do about the failures that machines really have.
func startCure(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "no space left"):
		return "; cure: free disk space where the engine keeps its data (docker system df)"
	case strings.Contains(text, "/dev/fuse"):
		return "; cure: load the kernel module (modprobe fuse)"
	case strings.Contains(text, "bind source path does not exist"):
		return "; cure: use an engine that runs on this machine: it must see the run directory and the binaries"
	case strings.Contains(text, "operation not permitted"):
		return "; cure: the engine itself must have SYS_ADMIN and NET_ADMIN; `holdfast doctor` shows what is missing"
	}
	return ""
}

// appArmorActive reports whether the kernel confines containers with AppArmor.
func appArmorActive() bool {
	b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && strings.HasPrefix(string(b), "Y")
}

func bind(source, target string, readOnly bool) apimount.Mount {
	return apimount.Mount{Type: apimount.TypeBind, Source: source, Target: target, ReadOnly: readOnly}
}

// harnessLabels name the process that is responsible for a run.
func harnessLabels(runID, runDir, sockDir string) (map[string]string, error) {
	start, err := processStart(os.Getpid())
	if err != nil {
		return nil, err
	}
	return map[string]string{
		LabelRun: runID, LabelRunDir: runDir, LabelSockDir: sockDir,
		LabelPID: strconv.Itoa(os.Getpid()), LabelPIDStart: start,
	}, nil
}

// processStart returns the start time of a process in clock ticks since boot, as /proc has it.
func processStart(pid int) (string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field is the name in parentheses and may hold anything; the start time is the 20th after it.
	_, rest, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')'):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: unreadable", pid)
	}
	return fields[19], nil
}
