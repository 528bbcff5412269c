package ovf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
	"github.com/holdfast-ha/holdfast/daemons/ovf/vmconf"
)

// SharedFile returns a member of the archive from memory, such as "broker.conf", and how old that reading is; -1 if there is none. If the
// newest reading failed or found a damaged archive, the last good copy comes with an error that says so; data is nil if there never was one.
func (r *Room) SharedFile(name string) (data []byte, old time.Duration, err error) {
	if !slices.Contains(archive.Names(), name) {
		return nil, -1, fmt.Errorf("shared file %q: %w: the archive has %s", name, ErrForeign, strings.Join(archive.Names(), ", "))
	}
	now := r.options.Clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if problem := r.state.Archive.Problem; problem != "" {
		err = errors.New(problem)
	}
	if r.cache.files == nil {
		if err == nil {
			err = errors.New("the shared configuration archive has not been read yet")
		}
		return nil, -1, fmt.Errorf("shared file %s: %w", name, err)
	}
	if err != nil {
		err = fmt.Errorf("shared file %s: this is the last good copy: %w", name, err)
	}
	return bytes.Clone(r.cache.files[name]), age(now, r.cache.readAt), err
}

// PutSharedFile replaces hosted-engine.conf or broker.conf in the archive and waits until it is on storage and was read back, or ctx
// has ended. A write that has not begun by then is not done (ErrWithdrawn); one that has begun may still take effect, and the error says
// so.
func (r *Room) PutSharedFile(ctx context.Context, name string, data []byte) error {
	fail := func(err error) error { return fmt.Errorf("write shared file %s: %w", name, err) }
	if name != archive.HostedConf && name != archive.BrokerConf {
		return fail(fmt.Errorf("%w: only %s and %s may be written", ErrForeign, archive.HostedConf, archive.BrokerConf))
	}
	if len(data) > archive.Size {
		return fail(&archive.TooLargeError{Over: len(data) - archive.Size})
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return fail(errors.New("it is not text in UTF-8"))
	}
	if err := r.submit(ctx, &job{kind: putJob, name: name, data: bytes.Clone(data)}); err != nil {
		return fail(err)
	}
	return nil
}

// readArchive reads the archive into the cache and renews the local copies. It runs in the lane.
func (r *Room) readArchive(j *job) error {
	if j.sources.Configuration == "" {
		err := errors.New("no shared configuration volume is connected")
		r.noteArchive(j, nil, err)
		return err
	}
	files, _, err := r.loadArchive(j)
	r.noteArchive(j, files, err)
	if err != nil {
		return err
	}
	return r.renewCopies(j, files)
}

// settleReads is how often a damaged archive is looked at in all before it is called damaged.
const settleReads = 3

// loadArchive reads and decodes. A damaged archive is read again after a while: another host may be writing it.
func (r *Room) loadArchive(j *job) (archive.Files, []byte, error) {
	var raw []byte
	var err error
	for n := range settleReads {
		if n > 0 && !r.pause(r.options.Settle) {
			break
		}
		raw, err = r.options.Device.Read(j.sources.Configuration, 0, archive.Size)
		if err != nil {
			return nil, nil, fmt.Errorf("read shared configuration archive: %w", err)
		}
		var files archive.Files
		if files, err = archive.Decode(raw); err == nil {
			return files, raw, nil
		}
	}
	return nil, raw, fmt.Errorf("read shared configuration archive in %s: %w", j.sources.Configuration, err)
}

// pause waits; false if the room is closed before that.
func (r *Room) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// noteArchive remembers what a reading brought. files are nil if it failed.
func (r *Room) noteArchive(j *job, files archive.Files, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || j.attached != r.attached {
		return
	}
	r.noteArchiveLocked(j.began, files, err)
}

// noteArchiveLocked is noteArchive for a caller that holds mu. began is when the reading began.
func (r *Room) noteArchiveLocked(began clock.Mono, files archive.Files, err error) {
	a := &r.state.Archive
	if err == nil {
		a.Valid, a.Damaged, a.Problem, a.ProblemSince = true, false, "", 0
		r.cache = cachedArchive{files: files, readAt: began}
		return
	}
	var damaged *archive.DamagedError
	a.Valid, a.Damaged = false, errors.As(err, &damaged)
	if a.Problem == "" {
		a.ProblemSince = began
	}
	a.Problem = err.Error()
}

// renewCopies makes the local copies of the archive's files equal to it.
func (r *Room) renewCopies(j *job, files archive.Files) error {
	err := withLock(r.options.VMConf+".lock", "renew the copies of shared files", r.options.LockWait, func() error {
		if !r.isCurrent(j) {
			return ErrOvertaken
		}
		var all []error
		for path, content := range map[string][]byte{
			r.options.VMConf + ".fallback": vmconf.Body(files[archive.VMConf]),
			r.options.BrokerConf:           files[archive.BrokerConf],
		} {
			if path == "" {
				continue
			}
			if there, err := readFile(path); err != nil || there == nil || !bytes.Equal(there, content) {
				all = append(all, replaceFile(path, content))
			}
		}
		return errors.Join(all...)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.Archive.CopyProblem = ""
	if err != nil {
		r.state.Archive.CopyProblem = err.Error()
	}
	return err
}
