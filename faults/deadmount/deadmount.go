// Package deadmount puts a mount on a host that answers nothing: whoever touches it waits in the kernel. It stands for the NFS
// server of a storage domain that has nothing to do with the engine's (S20): a broker that looks at every directory below
// /rhev/data-center/mnt is lost then.
package deadmount

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Dir is where the dead mount is made.
const Dir = "/rhev/data-center/mnt/dead.example:_export_data"

// ErrSilent is wrapped by the error of a touch that was not answered until its deadline.
var ErrSilent = errors.New("no answer before the deadline")

// Machine does on a host what the fault needs.
type Machine interface {
	// Start starts the program that mounts the dead file system on dir, and makes the directory.
	Start(ctx context.Context, dir string) error
	// Stop ends that program, which takes the mount away and frees whoever waits for it. One that does not run is no error.
	Stop(ctx context.Context) error
	// Mounted reports whether dir is a mount point on the host. It must not touch it.
	Mounted(ctx context.Context, dir string) (bool, error)
	// Touch looks at dir as `ls` does, from a process of its own, until the context ends; then the error wraps ErrSilent.
	Touch(ctx context.Context, dir string) error
}

// Options of a dead mount.
type Options struct {
	Host    string // host2
	Machine Machine
}

const (
	// touchFor is how long an own touch must be without an answer. A mount that answers does so in less than a millisecond.
	touchFor = 500 * time.Millisecond
	// settle is how long the mount may take to come or go.
	settle    = 5 * time.Second
	pollEvery = 20 * time.Millisecond
)

// Fault is a dead mount. It implements lifecycle.Fault.
type Fault struct {
	o Options

	proven  bool // it was in effect
	healing bool // Heal was tried
	early   bool // it was proven, and was gone before anybody healed it
}

// New returns the fault, or an error that names the option that is missing.
func New(o Options) (*Fault, error) {
	switch {
	case o.Host == "":
		return nil, errors.New("mount dead: no host given: say for=")
	case o.Machine == nil:
		return nil, errors.New("mount dead: no machine given")
	}
	return &Fault{o: o}, nil
}

// String prints the scenario's words: "mount dead for=host2".
func (f *Fault) String() string { return "mount dead for=" + f.o.Host }

// Setup checks that nothing is mounted there yet.
func (f *Fault) Setup(ctx context.Context) error {
	mounted, err := f.o.Machine.Mounted(ctx, Dir)
	if err != nil {
		return err
	}
	if mounted {
		return fmt.Errorf("%s is a mount point already: heal that fault first", Dir)
	}
	return nil
}

// Inject mounts it.
func (f *Fault) Inject(ctx context.Context) error {
	if err := f.o.Machine.Start(ctx, Dir); err != nil {
		return err
	}
	return f.await(ctx, true)
}

// Prove wants the mount among the host's mounts and an own touch of it without an answer.
func (f *Fault) Prove(ctx context.Context) (string, error) {
	mounted, err := f.o.Machine.Mounted(ctx, Dir)
	if err != nil {
		return "", err
	}
	if !mounted {
		return "", fmt.Errorf("not in effect: nothing is mounted on %s", Dir)
	}
	touch, cancel := context.WithTimeout(ctx, touchFor)
	defer cancel()
	switch err := f.o.Machine.Touch(touch, Dir); {
	case err == nil:
		return "", errors.New("not in effect: the mount answered an own touch")
	case !errors.Is(err, ErrSilent):
		return "", fmt.Errorf("not proven: an own touch failed, but not by silence: %w", err)
	}
	f.proven = true
	return fmt.Sprintf("%s is mounted and an own touch had no answer for %s", Dir, touchFor), nil
}

// Heal takes the mount away, which frees whoever waits for it.
func (f *Fault) Heal(ctx context.Context) error {
	if !f.healing && f.proven {
		if mounted, err := f.o.Machine.Mounted(ctx, Dir); err == nil && !mounted {
			f.early = true
		}
	}
	f.healing = true
	if err := f.o.Machine.Stop(ctx); err != nil {
		return err
	}
	return f.await(ctx, false)
}

// ProveGone wants no such mount and an own touch answered, by whatever is there now. A mount that had gone before it was healed is
// an error.
func (f *Fault) ProveGone(ctx context.Context) (string, error) {
	if f.early {
		return "", errors.New("the mount was gone before it was healed: the fault was not in effect all the time")
	}
	mounted, err := f.o.Machine.Mounted(ctx, Dir)
	if err != nil {
		return "", err
	}
	if mounted {
		return "", fmt.Errorf("%s is still mounted", Dir)
	}
	touch, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	if err := f.o.Machine.Touch(touch, Dir); errors.Is(err, ErrSilent) {
		return "", fmt.Errorf("nothing is mounted, but an own touch has no answer: %w", err)
	}
	return fmt.Sprintf("nothing is mounted on %s and an own touch came back", Dir), nil
}

// Cleanup has nothing to remove but an empty directory, which goes with the host.
func (f *Fault) Cleanup(context.Context) error { return nil }

// await waits until the mount is there, or gone.
func (f *Fault) await(ctx context.Context, want bool) error {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	for {
		mounted, err := f.o.Machine.Mounted(ctx, Dir)
		if err == nil && mounted == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("mounted on %s: %v, want %v", Dir, mounted, want), err, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// InMountinfo reports whether a text like /proc/self/mountinfo has a mount on dir. It touches no mount.
func InMountinfo(text, dir string) bool {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 4 && unescape(fields[4]) == dir {
			return true
		}
	}
	return false
}

// unescape undoes the four escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
