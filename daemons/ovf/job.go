package ovf

import (
	"context"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

type jobKind int

const (
	refreshJob jobKind = iota // vm.conf and the archive
	archiveJob                // the archive only
	putJob                    // one member of the archive is replaced
)

// job is one thing for the lane to do. All fields but those fixed at the start are guarded by Room.mu.
type job struct {
	kind jobKind
	vm   string // refreshJob
	name string // putJob
	data []byte // putJob; the job's own copy

	// Fixed when the lane takes it.
	sources  Sources
	attached uint64
	began    clock.Mono // no later than the first look at storage; so what is read may be as old as this

	waiters int  // callers that wait for it
	writing bool // putJob: from now on it may have changed the archive
	ended   bool // err is set and done is closed
	done    chan struct{}
	err     error
}

// end tells the waiters; only the first end counts. The caller holds mu.
func (j *job) end(err error) {
	if !j.ended {
		j.ended, j.err = true, err
		close(j.done)
	}
}

// isSame tells that whoever waits for j may wait for other instead.
func (j *job) isSame(other *job) bool {
	return other != nil && !other.ended && j.kind != putJob && j.kind == other.kind && j.vm == other.vm
}

// submit hands a job to the lane, or finds the same one there already, and waits until it is done or ctx ends.
func (r *Room) submit(ctx context.Context, j *job) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j, err := r.enqueue(j)
	if err != nil {
		return err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
	}
	return r.leave(ctx, j)
}

// enqueue returns the job to wait for.
func (r *Room) enqueue(j *job) (*job, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if j.isSame(r.running) && r.running.attached == r.attached {
		r.running.waiters++
		return r.running, nil
	}
	writes := 0
	for _, waiting := range r.queue {
		if j.isSame(waiting) {
			waiting.waiters++
			return waiting, nil
		}
		if waiting.kind == putJob {
			writes++
		}
	}
	if j.kind == putJob && writes >= r.options.Queue {
		return nil, fmt.Errorf("%w: %d", ErrFull, writes)
	}
	j.waiters, j.done = 1, make(chan struct{})
	r.queue = append(r.queue, j)
	r.next()
	return j, nil
}

// leave ends a caller's wait. A job that nobody waits for and that has not begun is forgotten.
func (r *Room) leave(ctx context.Context, j *job) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	j.waiters--
	select {
	case <-j.done:
		return j.err
	default:
	}
	for i, waiting := range r.queue {
		if waiting == j {
			if j.waiters == 0 {
				r.queue = append(r.queue[:i:i], r.queue[i+1:]...)
			}
			return fmt.Errorf("storage is still busy with something else: %w", r.withdrawn(ctx, j))
		}
	}
	if j.writing {
		return fmt.Errorf("storage has not answered yet, and the write may still take effect: %w", context.Cause(ctx))
	}
	return fmt.Errorf("storage has not answered yet: %w", r.withdrawn(ctx, j))
}

func (r *Room) withdrawn(ctx context.Context, j *job) error {
	if j.kind == putJob {
		return fmt.Errorf("%w: %w", ErrWithdrawn, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// next gives the lane the job that waits longest, if it is idle. The caller holds mu.
func (r *Room) next() {
	if r.running != nil || r.closed || len(r.queue) == 0 {
		return
	}
	j := r.queue[0]
	r.queue = r.queue[1:]
	j.sources, j.attached, j.began = r.sources, r.attached, r.options.Clock.Now()
	if len(r.options.StorePaths) > 0 && j.sources.isConnected() {
		j.sources.Catalog = PathCatalog{Device: r.options.Device, Paths: r.options.StorePaths}
	}
	if j.kind == refreshJob && j.vm != r.state.VMUUID {
		r.state.VMUUID, r.state.LastSuccess = j.vm, 0
		if r.origin.isOf(j.vm, r.bootID) {
			r.state.LastSuccess = r.origin.ReadBegan
		}
	}
	r.running = j
	op := lane.OpRead
	if j.kind == putJob {
		op = lane.OpWrite
	}
	r.lane.Start(lane.Request{Op: op, Segment: lane.NoSegment, Run: func() error { return r.run(j) }})
}

// run is what the lane does.
func (r *Room) run(j *job) error {
	var err error
	switch j.kind {
	case refreshJob:
		err = r.refresh(j)
	case archiveJob:
		err = r.readArchive(j)
	case putJob:
		err = r.put(j)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j.end(err)
	return err
}

// finished is called from the lane when it is idle again.
func (r *Room) finished(lane.Done) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = nil
	r.next()
}

// isCurrent tells that the job's result may be used: the room is open and storage is still what it was when the job began.
func (r *Room) isCurrent(j *job) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.closed && j.attached == r.attached
}
