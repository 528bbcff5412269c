package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// attachedBy is what is noted about an attachment's process, so that a later broker finds it again.
type attachedBy struct {
	PID        int      `json:"pid"`
	StartTicks uint64   `json:"start_ticks"` // of the process, clock ticks since boot: a reused id has others
	Argv       []string `json:"argv"`
}

// isAttached says whether the volume is shown by a process that runs and was started with one of the commands that would be used now.
func (d *userspaceDriver) isAttached(a attachment) (bool, error) {
	table, err := d.mounts()
	if err != nil {
		return false, err
	}
	if _, shown := table.At(d.at(a)); !shown {
		return false, nil
	}
	by, ok := d.noted(a)
	if !ok || !d.runs(by) {
		return false, nil
	}
	for portal := range max(len(d.portals), 1) {
		if slices.Equal(by.Argv, d.argv(a, portal)) {
			return true, nil
		}
	}
	return false, nil
}

// noted reads what is noted; ok is false if that is nothing or cannot be read.
func (d *userspaceDriver) noted(a attachment) (by attachedBy, ok bool) {
	text, err := d.files.ReadFile(d.recordFile(a))
	if err != nil || json.Unmarshal(text, &by) != nil {
		return attachedBy{}, false
	}
	return by, by.PID > 1
}

// runs says whether that very process lives. One that has ended and that nobody has collected does not.
func (d *userspaceDriver) runs(by attachedBy) bool {
	state, ticks, err := d.process(by.PID)
	return err == nil && ticks == by.StartTicks && state != 'Z' && state != 'X'
}

// process returns a process's state and start from /proc.
func (d *userspaceDriver) process(pid int) (state byte, ticks uint64, err error) {
	text, err := d.files.ReadFile(path.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(text)
}

// attach ends what is left of an earlier attachment and starts a new one.
func (d *userspaceDriver) attach(ctx context.Context, a attachment) error {
	if err := d.detach(ctx, a); err != nil {
		return err
	}
	if _, err := d.files.Lstat(d.at(a)); err != nil {
		if !isGone(err) {
			return err
		}
		if err := d.files.WriteFile(d.at(a), d.UserspaceDir, nil, 0o600); err != nil {
			return err
		}
	}
	var errs []error
	for portal := range max(len(d.portals), 1) {
		err := d.start(ctx, a, portal)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// start starts the program, which leaves a daemon behind once the volume is shown.
func (d *userspaceDriver) start(ctx context.Context, a attachment, portal int) error {
	argv := d.argv(a, portal)
	if len(d.portals) > 0 && d.portals[portal].Password != "" {
		if err := d.files.WriteFile(d.secretFile(), d.UserspaceDir, []byte(d.portals[portal].Password.Reveal()), 0o600); err != nil {
			return err
		}
		defer func() { _ = d.files.Remove(d.secretFile()) }()
	}
	if out, err := d.run(ctx, child.Spec{Argv: argv, Deadline: d.SubprocessTimeout, Ward: d.ward}); err != nil {
		// The daemon may be there all the same, still trying to reach its server, in a session of its own. It goes even if ctx is what
		// ended the start; ending it is bounded by itself.
		return errors.Join(d.told(err, out.Stderr), d.end(context.WithoutCancel(ctx), d.strays(a)))
	}
	text, err := d.files.ReadFile(d.pidFile(a))
	if err != nil {
		return err
	}
	by := attachedBy{Argv: argv}
	if by.PID, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("%s: %w", d.pidFile(a), err)
	}
	if _, by.StartTicks, err = d.process(by.PID); err != nil {
		return err
	}
	note, err := json.Marshal(by)
	if err != nil {
		return err
	}
	if err := d.files.WriteFile(d.recordFile(a), d.UserspaceDir, note, 0o644); err != nil {
		return errors.Join(err, d.end(ctx, []attachedBy{by}))
	}
	return nil
}

// told makes an error of what the program said: it begins with its own arguments, and the reason comes last.
func (d *userspaceDriver) told(err error, words string) error {
	const most = 200
	words = strings.TrimSpace(words)
	if exitCode(err) <= 0 || words == "" {
		return err
	}
	if len(words) > most {
		words = "... " + strings.ToValidUTF8(words[len(words)-most:], "")
	}
	return fmt.Errorf("%s: exit status %d: %s", path.Base(d.UserspaceProgram), exitCode(err), words)
}

// detach ends the attachment's processes and takes its mount away. Nothing to do is fine.
func (d *userspaceDriver) detach(ctx context.Context, a attachment) error {
	gone := d.strays(a)
	if by, ok := d.noted(a); ok && !slices.ContainsFunc(gone, func(s attachedBy) bool { return s.PID == by.PID }) {
		gone = append(gone, by)
	}
	if err := d.end(ctx, gone); err != nil {
		return err
	}
	for range maxStacked {
		table, err := d.mounts()
		if err != nil {
			return err
		}
		m, shown := table.At(d.at(a))
		if !shown {
			return nil
		}
		if base, _, _ := strings.Cut(m.Type, "."); base != "fuse" {
			return &Error{Driver: d.Driver, Op: "unmount", Subject: d.at(a), Kind: KindForeign, Err: fmt.Errorf("%s is mounted there", m)}
		}
		if _, err := d.program(ctx, "umount", "--internal-only", "--no-canonicalize", "--lazy", "--", d.at(a)); err != nil {
			return err
		}
	}
	return errors.New("more and more is mounted on " + d.at(a))
}

// strays are processes of the program with this attachment's process id file among their arguments: daemons whose start was given up, or
// that a broker started that ended before it noted them.
func (d *userspaceDriver) strays(a attachment) []attachedBy {
	names, err := d.files.ReadDir("/proc")
	if err != nil {
		return nil
	}
	program := path.Base(cmp.Or(d.UserspaceProgram, "qemu-storage-daemon"))
	program = program[:min(len(program), 15)] // as much as the kernel keeps
	var found []attachedBy
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		// Only what bears the program's name is looked at closer: another process's arguments may be out of reach while it hangs.
		comm, err := d.files.ReadFile(path.Join("/proc", name, "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != program {
			continue
		}
		line, err := d.files.ReadFile(path.Join("/proc", name, "cmdline"))
		if err != nil || !slices.Contains(strings.Split(string(line), "\x00"), d.pidFile(a)) {
			continue
		}
		if _, ticks, err := d.process(pid); err == nil {
			found = append(found, attachedBy{PID: pid, StartTicks: ticks})
		}
	}
	return found
}

// A process has this long to end after SIGTERM, and after SIGKILL.
const (
	endPolls = 30
	endPause = 100 * time.Millisecond
)

// end ends processes, first by asking.
func (d *userspaceDriver) end(ctx context.Context, all []attachedBy) error {
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		all = slices.DeleteFunc(slices.Clone(all), func(by attachedBy) bool { return !d.runs(by) })
		for _, by := range all {
			if err := d.files.Signal(by.PID, by.StartTicks, signal); err != nil {
				return fmt.Errorf("end process %d: %w", by.PID, err)
			}
		}
		for polls := 0; polls < endPolls && slices.ContainsFunc(all, d.runs); polls++ {
			if !pause(ctx, endPause) {
				return context.Cause(ctx)
			}
		}
	}
	for _, by := range all {
		if d.runs(by) {
			return fmt.Errorf("process %d does not end, killed or not", by.PID)
		}
	}
	return nil
}
