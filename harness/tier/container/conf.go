package container

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Paths inside a host's container.
const (
	inRun        = "/run/holdfast"
	inLogs       = "/holdfast/run"
	inBin        = "/holdfast/bin"
	inBroker     = inRun + "/broker.sock"
	inSanlockDir = inRun + "/sanlock"
	inSanlock    = inSanlockDir + "/sanlock.sock"
	inConf       = inLogs + "/" + confFile
	confFile     = "holdfast.conf"
	opsSocket    = "ops.sock"
	stateDir     = "state" // below inRun, as are certDir and mailLog's directory
	certDir      = "certs"
	brokerConf   = "broker.conf"
	mailLog      = "mail.jsonl"
)

// Names of the lockspace, the engine's resource, the storage domain and the engine VM of every cluster.
const (
	LockspaceName  = "hosted-engine"
	EngineResource = "engine"
	DomainUUID     = "8f1d3b52-5a0e-4c0a-9f0e-686f6c646661"
	EngineVM       = "3c0ffee5-0b57-4e57-8a5e-656e67696e65"
)

// engineHealth is the page of the stand-in engine, on the loopback of its host's own network namespace.
const engineHealth = "127.0.0.1:8080"

func inStorage(volume string) string { return "/storage/" + volume + ".img" }

// holdfastConf is the text of one host's holdfast.conf: what differs from the defaults, then the run's own lines.
func holdfastConf(o Options, name string, id int) string {
	lines := map[string]string{
		"host_id":         strconv.Itoa(id),
		"host_name":       name,
		"run_dir":         inRun,
		"broker_socket":   inBroker,
		"socket_mode":     "0666",
		"whiteboard_path": inStorage(Whiteboard),
		"lockspace_name":  LockspaceName,
		"lockspace_path":  inStorage(Lockspace),
		"sanlock_socket":  inSanlock,
		"io_timeout":      o.IOTimeout.Truncate(time.Second).String(),
		"sd_uuid":         DomainUUID,
		"vm_driver":       "command",
		"vm_command":      strings.Join(engineCommand(name), " "),
		"vm_health_url":   "http://" + engineHealth + "/health",
		"time_factor":     strconv.FormatFloat(o.TimeFactor, 'g', -1, 64),
		"state_dir":       inRun + "/" + stateDir,
		"ops_socket":      inRun + "/" + opsSocket,
		"ops_mode":        "0666",
		"allow_users":     allowUsers(),
		"vdsm":            "off",
		"vmid":            EngineVM,
	}
	maps.Copy(lines, partsConf(o.parts()))
	maps.Copy(lines, o.Config)
	var b strings.Builder
	fmt.Fprintf(&b, "# Host %d of test cluster %s; made by the harness.\n", id, o.RunID)
	for _, k := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%s = %s\n", k, lines[k])
	}
	return b.String()
}

// engineCommand is the program that is the engine VM, as each host starts it.
func engineCommand(host string) []string {
	return []string{
		inBin + "/holdfast-engine", "--sanlock-socket", inSanlock, "--lockspace", LockspaceName, "--resource", EngineResource,
		"--lease-path", inStorage(Lease), "--lease-offset", "0", "--disk", inStorage(Disk), "--listen", engineHealth,
		"--log", inLogs + "/engine.log", "--host", host,
	}
}

// allowUsers lets the harness's own user ask the broker from outside, whoever that is.
func allowUsers() string { return "root, " + strconv.Itoa(os.Getuid()) }

// partsConf are the lines that the cluster's parts need.
func partsConf(p Parts) map[string]string {
	lines := map[string]string{}
	if p.VDSM {
		certs := inRun + "/" + certDir
		maps.Copy(lines, map[string]string{
			"vdsm": "on", "vdsm_address": vdsmAddress,
			"vdsm_certificate": certs + "/certs/vdsmcert.pem", "vdsm_key": certs + "/keys/vdsmkey.pem", "vdsm_authority": certs + "/certs/cacert.pem",
		})
	}
	if p.SMTP {
		lines["broker_conf"] = inRun + "/" + stateDir + "/" + brokerConf
		lines["notification_templates"] = inRun + "/" + stateDir
	}
	if p.OVF {
		lines["configuration_path"] = inStorage(Configuration)
		lines["ovf_store_paths"] = inStorage(OVF1) + ", " + inStorage(OVF2)
	}
	if p.Sector == 4096 {
		lines["sector_size"] = "4096"
	}
	return lines
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
