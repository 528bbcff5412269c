package ovf

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
	"github.com/holdfast-ha/holdfast/daemons/ovf/store"
	"github.com/holdfast-ha/holdfast/daemons/ovf/vmconf"
)

// refresh brings vm.conf up to date, and the archive beside it. It runs in the lane.
func (r *Room) refresh(j *job) error {
	err := ErrDetached
	if j.sources.isConnected() {
		var seen look
		seen, err = r.look(j)
		// The archive's own trouble stands in its own state. Its vm.conf is needed where no OVF_STORE has one.
		_ = r.readArchive(j)
		r.noteStores(j, seen)
		if err == nil {
			err = r.decide(j, seen)
		} else {
			r.fallBack(j)
		}
	}
	r.noteProblem(j, err)
	return err
}

// decide chooses between the stores, the archive and what is in place.
func (r *Room) decide(j *job, l look) error {
	r.mu.Lock()
	there := r.origin
	r.mu.Unlock()
	if l.best != nil {
		if there.VMUUID == j.vm && l.best.published.Before(there.Published) && !l.best.published.IsZero() && len(l.unusable) > 0 && r.hasVMConf() {
			return fmt.Errorf("the only OVF_STORE that can be used, %s of %s, is older than the vm.conf in place, which is kept; %s",
				l.best.path, l.best.published.UTC().Format(time.RFC3339), strings.Join(l.unusable, "; "))
		}
		return r.publish(j, l.best.definition.Body, origin{Source: l.best.path, Published: l.best.published, ReadBegan: j.began})
	}
	if len(l.unusable) > 0 {
		r.fallBack(j)
		return errors.New(strings.Join(l.unusable, "; "))
	}
	// No engine has published the VM yet, as right after deployment: the archive's copy is what there is.
	if there.VMUUID == j.vm && there.Source != archiveSource && there.Source != "" && r.hasVMConf() {
		return fmt.Errorf("no OVF_STORE has %s.ovf any more; the vm.conf from %s is kept", j.vm, there.Source)
	}
	body, err := r.archivedVMConf(j)
	if err != nil {
		return fmt.Errorf("no OVF_STORE has %s.ovf, and %w", j.vm, err)
	}
	return r.publish(j, body, origin{Source: archiveSource, ReadBegan: j.began})
}

// fallBack puts the archive's vm.conf in place if there is none at all. What is wrong otherwise is told by the caller.
func (r *Room) fallBack(j *job) {
	if r.hasVMConf() {
		return
	}
	body, err := r.archivedVMConf(j)
	if err != nil {
		return
	}
	// Without the time of its reading it does not count as a success.
	_ = r.publish(j, body, origin{Source: archiveSource})
}

func (r *Room) hasVMConf() bool {
	content, err := readFile(r.options.VMConf)
	return err == nil && len(vmconf.Body(content)) > 0
}

// archivedVMConf is the archive's vm.conf if it can start this VM.
func (r *Room) archivedVMConf(j *job) ([]byte, error) {
	r.mu.Lock()
	files, problem := r.cache.files, r.state.Archive.Problem
	r.mu.Unlock()
	if files == nil {
		return nil, fmt.Errorf("the archive has not been read: %s", problem)
	}
	body := vmconf.Body(files[archive.VMConf])
	memory, id := false, ""
	for line := range strings.Lines(string(body)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "memSize":
			memory = value != ""
		case "vmId":
			id = value
		}
	}
	switch {
	case !memory:
		return nil, errors.New("the archive's vm.conf has no memSize")
	case !strings.EqualFold(id, j.vm):
		return nil, fmt.Errorf("the archive's vm.conf is that of VM %q", id)
	}
	if !bytes.HasSuffix(body, []byte("\n")) {
		body = append(body[:len(body):len(body)], '\n')
	}
	return body, nil
}

func (r *Room) noteStores(j *job, l look) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || j.attached != r.attached {
		return
	}
	r.state.Stores, r.state.Remarks = l.states, nil
	if l.best != nil {
		r.state.Remarks = l.best.definition.Remarks
	}
}

func (r *Room) noteProblem(j *job, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.state.Problem, r.state.ProblemSince = "", 0
		return
	}
	if r.state.Problem == "" {
		r.state.ProblemSince = j.began
	}
	r.state.Problem = err.Error()
}

// found is a store whose OVF can be used.
type found struct {
	path       string
	published  time.Time
	definition vmconf.Definition
}

// look is what one search of the domain brought.
type look struct {
	best     *found
	states   []StoreState
	unusable []string // why stores that might have had something newer could not be used
}

// look reads the stores, the newest updated first, until one has a usable OVF of the VM. An error tells that the domain could not be
// searched at all.
func (r *Room) look(j *job) (look, error) {
	candidates, err := r.candidates(j)
	if err != nil {
		return look{}, err
	}
	var l look
	for _, c := range candidates {
		state := StoreState{Path: c.Path, Updated: c.Updated, Published: c.Published}
		if l.best == nil {
			definition, err := r.definition(j, c)
			var missing *store.MissingError
			switch {
			case err == nil:
				l.best = &found{path: c.Path, published: c.Published, definition: definition}
			case errors.As(err, &missing):
				state.Problem = err.Error()
			default:
				state.Problem = err.Error()
				l.unusable = append(l.unusable, c.Path+": "+err.Error())
			}
		} else if !c.Updated {
			state.Problem = errWriting.Error()
			l.unusable = append(l.unusable, c.Path+": "+errWriting.Error())
		}
		l.states = append(l.states, state)
	}
	return l, nil
}

var (
	errWriting = errors.New("the engine has not finished its update, so it is not read")
	errChanged = errors.New("the engine has updated it while it was read; it is read again")
)

// definition reads a store and converts the VM's OVF.
func (r *Room) definition(j *job, c candidate) (vmconf.Definition, error) {
	if c.problem != nil {
		return vmconf.Definition{}, c.problem
	}
	if !c.Updated {
		return vmconf.Definition{}, errWriting
	}
	content := c.content
	if content == nil {
		read, err := r.readStore(j, c)
		if err != nil {
			return vmconf.Definition{}, err
		}
		content = &read
	}
	d, err := vmconf.Convert(content.OVF)
	if err != nil {
		return vmconf.Definition{}, err
	}
	if !strings.EqualFold(d.VMID, j.vm) {
		return vmconf.Definition{}, fmt.Errorf("%s.ovf defines another VM, %s", j.vm, d.VMID)
	}
	return d, nil
}
