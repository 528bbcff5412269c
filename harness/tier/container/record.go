package container

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// recordFile is the cluster's description in its run directory, for people, for other programs, and for [Open].
const recordFile = "cluster.json"

type clusterRecord struct {
	RunID      string        `json:"run_id"`
	Storage    Kind          `json:"storage"`
	RunDir     string        `json:"run_dir"`
	SockDir    string        `json:"sock_dir"`
	TimeFactor float64       `json:"time_factor"`
	IOTimeout  float64       `json:"io_timeout_s"`
	Parts      Parts         `json:"parts"`
	PID        int           `json:"pid"` // the harness process that built it
	Network    Network       `json:"network"`
	Hosts      []hostRecord  `json:"hosts"`
	Server     storageRecord `json:"storage_server"`
	Steps      []Step        `json:"steps"` // times in nanoseconds
}

type hostRecord struct {
	Name             string `json:"name"`
	ID               int    `json:"id"`
	Address          string `json:"address"`
	Container        string `json:"container"`
	BrokerSocket     string `json:"broker_socket"`
	AttendantSocket  string `json:"attendant_socket"`
	AgentLog         string `json:"agent_log"`
	BrokerLog        string `json:"broker_log"`
	EngineLog        string `json:"engine_log"`
	SanlockLog       string `json:"sanlock_log"`
	ProbeLog         string `json:"probe_log"`
	Config           string `json:"config"`
	WhiteboardPath   string `json:"whiteboard_path"`    // the backing file on the server's side, readable from outside
	WhiteboardInHost string `json:"whiteboard_in_host"` // what the broker opens
}

type storageRecord struct {
	Name            string            `json:"name"`
	Address         string            `json:"address"`
	Port            int               `json:"port"`
	Target          string            `json:"target,omitempty"`
	Export          string            `json:"export,omitempty"`
	Container       string            `json:"container"`
	AttendantSocket string            `json:"attendant_socket"`
	FaultFSSocket   string            `json:"faultfs_socket"`
	Volumes         map[string]string `json:"volumes"`
	Log             string            `json:"log"`
}

func (c *Cluster) writeRecord() error {
	s := c.Storage
	r := clusterRecord{
		RunID: c.RunID, Storage: c.Kind, RunDir: c.RunDir, SockDir: c.SockDir, TimeFactor: c.TimeFactor, IOTimeout: c.IOTimeout.Seconds(), Parts: c.Parts,
		PID: os.Getpid(), Network: c.Network, Steps: c.Steps(),
		Server: storageRecord{
			Name: s.Name, Address: s.Address, Port: s.Port, Target: s.Target, Export: s.Export, Container: s.ContainerID,
			AttendantSocket: s.Attendant.Socket, FaultFSSocket: s.FaultSocket, Volumes: s.Volumes,
			Log: filepath.Join(s.Dir, filepath.Base(s.specs[Server].Stdout)),
		},
	}
	for _, h := range c.Hosts {
		log := func(name string) string { return filepath.Join(h.Dir, name) }
		r.Hosts = append(r.Hosts, hostRecord{
			Name: h.Name, ID: h.ID, Address: h.Address, Container: h.ContainerID, BrokerSocket: h.BrokerSocket, AttendantSocket: h.Attendant.Socket,
			AgentLog: log("agent.log"), BrokerLog: log("broker.log"), EngineLog: log("engine.log"), SanlockLog: log("sanlock.log"),
			ProbeLog: log("probe.jsonl"), Config: log("holdfast.conf"),
			WhiteboardPath: s.Volumes[Whiteboard], WhiteboardInHost: inStorage(Whiteboard),
		})
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", recordFile, err)
	}
	path := filepath.Join(c.RunDir, recordFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("%s: %w", recordFile, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("%s: %w", recordFile, err)
	}
	return nil
}

// Open finds the cluster again that another process built, from the cluster.json in its run directory. It asks neither
// the engine nor the hosts whether the cluster still runs. [Cluster.Close] gives the connection to the engine back.
func Open(runDir string) (*Cluster, error) {
	path := filepath.Join(runDir, recordFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w; is there a cluster? `holdfast up --out %s` makes one", err, runDir)
	}
	var r clusterRecord
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("cluster: %s: %w", path, err)
	}
	docker, err := connect()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &Cluster{
		RunID: r.RunID, RunDir: r.RunDir, SockDir: r.SockDir, Kind: r.Storage, TimeFactor: r.TimeFactor,
		IOTimeout: time.Duration(r.IOTimeout * float64(time.Second)), Network: r.Network, docker: docker, steps: r.Steps, began: time.Now(),
		Parts: r.Parts,
	}
	c.Storage = &Storage{
		Kind: r.Storage, Name: r.Server.Name, Address: r.Server.Address, Port: r.Server.Port, Target: r.Server.Target, Export: r.Server.Export,
		ContainerID: r.Server.Container, Dir: filepath.Join(r.RunDir, "storage"), SockDir: filepath.Dir(r.Server.AttendantSocket),
		Volumes: r.Server.Volumes, cluster: c,
	}
	for _, hr := range r.Hosts {
		h := &Host{
			Name: hr.Name, ID: hr.ID, Address: hr.Address, ContainerID: hr.Container,
			Dir: filepath.Dir(hr.Config), SockDir: filepath.Dir(hr.AttendantSocket), cluster: c,
		}
		h.connect()
		c.Hosts = append(c.Hosts, h)
	}
	c.Storage.connect() // after the hosts: each has an export of its own
	return c, nil
}

// Close gives up the connection to the engine and leaves the cluster running.
func (c *Cluster) Close() error { return c.docker.Close() }

// ReadSegment reads whiteboard segment id (0 to 2000), 4096 bytes, from the backing file on the server's side: past every host's
// cache and past the fault file system, so it never hangs.
func (c *Cluster) ReadSegment(id int) ([]byte, error) {
	if id < 0 || id > 2000 {
		return nil, fmt.Errorf("segment %d: want 0 to 2000", id)
	}
	return attendant.ReadDirect(c.Storage.Volumes[Whiteboard], int64(id)*4096, 4096)
}
