package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// spawn starts the program, notes it and leaves a reaper with it.
func (d *Driver) spawn() error {
	if err := os.MkdirAll(d.options.RunDir, 0o755); err != nil {
		return err
	}
	if err := d.forget(); err != nil {
		return err
	}
	log, err := os.OpenFile(d.options.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command(d.options.Argv[0], d.options.Argv[1:]...)
	cmd.Dir = d.options.RunDir
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", StatusEnv + "=" + d.StatusPath()}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}

	d.mu.Lock()
	isClosed := d.isClosed
	d.mu.Unlock()
	if isClosed {
		return errors.New("driver is closed")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := d.note(cmd); err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	return nil
}

// note writes engine.json for a child that was just started and makes its reaper.
func (d *Driver) note(cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	// The child cannot be reaped before its reaper exists, so its id is its own.
	ticks, err := StartTicks(pid)
	if err != nil {
		return err
	}
	r, err := newReaper(d, cmd, ticks)
	if err != nil {
		return err
	}
	if err := writeJSON(d.recordPath(), record{PID: pid, StartTicks: ticks, Started: d.clock.Now().Seconds()}); err != nil {
		r.discard()
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isClosed {
		r.discard()
		return fmt.Errorf("driver was closed while process %d was started", pid)
	}
	d.reapers[pid] = r
	go r.run()
	return nil
}
