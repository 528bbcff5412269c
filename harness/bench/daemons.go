// Package bench measures the daemons' speed and memory: real broker and agent processes on a whiteboard in a local file. Every
// comparison is made within one run, because machines differ.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// hostID is the host id of the measured daemons.
const hostID = 1

// readPeriod is the broker's read pass in these measurements: upstream's 10 s times 0.1.
const readPeriod = time.Second

// daemons are a broker and an agent under measurement.
type daemons struct {
	dir, whiteboard string
	broker, agent   *exec.Cmd
	link            *brokerlink.Link
}

// start runs both daemons from bin with their files in dir, on a whiteboard that holds records of so many hosts.
func start(ctx context.Context, bin, dir string, hosts int) (*daemons, error) {
	d := &daemons{dir: dir, whiteboard: filepath.Join(dir, "whiteboard.img")}
	if err := fill(d.whiteboard, hosts); err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "broker.sock")
	conf := filepath.Join(dir, "holdfast.conf")
	text := fmt.Sprintf("host_id = %d\nrun_dir = %s\nstate_dir = %s\nbroker_socket = %s\nwhiteboard_path = %s\ntime_factor = 0.1\n", hostID, dir, dir, socket, d.whiteboard)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d.link = brokerlink.New(socket, 5*time.Second)
	var err error
	if d.broker, err = launch(dir, filepath.Join(bin, "holdfast-broker"), conf); err != nil {
		return nil, err
	}
	if err := d.ready(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	if d.agent, err = launch(dir, filepath.Join(bin, "holdfast-agent"), conf); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// fill makes a whiteboard with a record in each of the first segments.
func fill(path string, hosts int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Real zeros: what is read from a hole is not counted as read from storage.
	if _, err := f.Write(make([]byte, 16<<20)); err != nil {
		return err
	}
	for id := 1; id <= hosts; id++ {
		record := whiteboard.Record{
			ParseVersion: 1, FeatureVersion: 1, Timestamp: 1000, HostID: id, Score: 3400, EngineStatus: "null",
			HostName: fmt.Sprintf("host%d", id), ConfOnSharedStorage: true,
		}
		segment, err := whiteboard.Encode(record, record.HumanPart(time.Unix(1000, 0), time.Unix(0, 0)))
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(segment[:], int64(id)*whiteboard.SegmentSize); err != nil {
			return err
		}
	}
	return f.Sync()
}

func launch(dir, program, conf string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(program, "--config", conf)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s (run make build first): %w", program, err)
	}
	return cmd, nil
}

// ready waits until the broker has read the whiteboard once.
func (d *daemons) ready(ctx context.Context) error {
	deadline := time.Now().Add(15 * time.Second)
	for {
		view, err := d.link.GetView(ctx)
		if err == nil && view.ReadAge >= 0 {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(d.dir, "holdfast-broker.log"))
			return fmt.Errorf("the broker did not read its whiteboard within 15 s (%w); its log:\n%s", err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop ends both daemons, the agent first.
func (d *daemons) stop() error {
	var errs []error
	for _, cmd := range []*exec.Cmd{d.agent, d.broker} {
		if cmd == nil {
			continue
		}
		errs = append(errs, cmd.Process.Signal(syscall.SIGTERM))
		killer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // an exit code says nothing about the figures
		killer.Stop()
	}
	return errors.Join(errs...)
}
