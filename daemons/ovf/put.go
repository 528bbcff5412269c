package ovf

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
)

// Errors of PutSharedFile, found by errors.Is.
var (
	// ErrConcurrent: another host changed the archive just before. Nothing was written.
	ErrConcurrent = errors.New("another host has just changed the archive; nothing was written, try again")
	// ErrNotKept: what was read back is not what was written.
	ErrNotKept = errors.New("the archive read back is not the one written: another host has written it at the same time; look at it and try again")
)

// put replaces one member of the archive. It runs in the lane.
//
// Hosts have no lock in common for the archive, and Python hosts take none, so this does what can be done: it serialises the writers of
// this host, writes only over what it has read just before, in one piece, to storage and not to a cache, and looks at what came of it. A
// lock of this host that a process holds that is stuck in its write is waited for with a deadline: that write is not over, and
// would take effect after ours.
func (r *Room) put(j *job) error {
	if j.sources.Configuration == "" {
		return ErrDetached
	}
	return withLock(r.options.LockFile, "write "+j.name+" in the shared configuration", r.options.LockWait, func() error { return r.putLocked(j) })
}

func (r *Room) putLocked(j *job) error {
	files, before, err := r.loadArchive(j)
	var damaged *archive.DamagedError
	if errors.As(err, &damaged) {
		r.noteArchive(j, nil, err)
		files, err = r.lastGood(err)
	}
	if err != nil {
		return err
	}
	changed := files.Clone()
	changed[j.name] = j.data
	if damaged == nil && changed.Equal(files) {
		r.noteArchive(j, files, nil)
		return nil
	}
	fresh, err := archive.Encode(changed, r.options.Clock.Wall())
	if err != nil {
		return err
	}
	again, err := r.options.Device.Read(j.sources.Configuration, 0, archive.Size)
	if err != nil {
		return fmt.Errorf("read shared configuration archive: %w", err)
	}
	if !bytes.Equal(before, again) {
		return ErrConcurrent
	}
	if err := r.beginWriting(j); err != nil {
		return err
	}
	if err := r.writeArchive(j, fresh); err != nil {
		return err
	}
	return r.confirm(j, changed, fresh)
}

// lastGood is what a damaged archive is restored from: this host's copy in memory.
func (r *Room) lastGood(cause error) (archive.Files, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache.files == nil {
		return nil, fmt.Errorf("%w; this host has no good copy to restore it from", cause)
	}
	return r.cache.files, nil
}

// beginWriting is the last point at which nothing has happened yet.
func (r *Room) beginWriting(j *job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case j.waiters == 0:
		return ErrWithdrawn
	case j.attached != r.attached:
		return ErrOvertaken
	}
	j.writing = true
	return nil
}

// writeAttempts is how often a write that storage refuses is done in all: an archive that is written in part is worse than either.
const writeAttempts = 2

func (r *Room) writeArchive(j *job, data []byte) (err error) {
	for range writeAttempts {
		if err = r.options.Device.Write(j.sources.Configuration, 0, data); err == nil {
			return nil
		}
	}
	return fmt.Errorf("write shared configuration archive, which may be damaged now: %w", err)
}

// confirm reads back.
func (r *Room) confirm(j *job, want archive.Files, written []byte) error {
	began := r.options.Clock.Now()
	raw, err := r.options.Device.Read(j.sources.Configuration, 0, archive.Size)
	if err != nil {
		return fmt.Errorf("read the shared configuration archive back, which was written: %w", err)
	}
	if !bytes.Equal(raw, written) {
		return ErrNotKept
	}
	r.mu.Lock()
	usable := !r.closed && j.attached == r.attached
	if usable {
		r.noteArchiveLocked(began, want, nil)
	}
	r.mu.Unlock()
	if usable {
		_ = r.renewCopies(j, want) // its failure stands in the state; the archive is right
	}
	return nil
}
