package shell

import (
	"errors"
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/lane"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard/segmentfile"
)

// Storage is the whiteboard as the lanes use it. Write and Pass are called from different threads at the same time,
// but never one of them twice at a time. Both may block for ever.
type Storage interface {
	Write(segment int, data *whiteboard.Segment) error
	Pass(full bool) (segmentfile.Pass, error)
}

// volume is the whiteboard on shared storage.
type volume struct {
	segmentfile.Volume
	reader *segmentfile.Reader // used by the reader lane only
}

func newVolume(path string, hostID int) *volume {
	v := segmentfile.Volume{Path: path}
	return &volume{Volume: v, reader: segmentfile.NewReader(v, hostID)}
}

// Pass reads the whiteboard once.
func (v *volume) Pass(full bool) (segmentfile.Pass, error) { return v.reader.Pass(full) }

// storageLanes are the writer and the reader.
type storageLanes struct {
	storage        Storage // nil while there is none; for the loop's goroutine only
	fixed          bool    // storage was given and does not follow what is connected
	path           string
	hostID         int
	writer, reader *lane.Lane
	pass           broker.Pass // result of the pass in flight; belongs to the reader's thread
}

func newStorageLanes(storage Storage, hostID int, in *inbox) *storageLanes {
	s := &storageLanes{storage: storage, fixed: storage != nil, hostID: hostID}
	s.writer = lane.New(broker.WriterLane, func(d lane.Done) {
		in.push(broker.WriteDone{Segment: d.Segment, Err: d.Err, Started: d.Started, Ended: d.Ended})
	})
	s.reader = lane.New(broker.ReaderLane, func(d lane.Done) {
		pass := s.pass
		s.pass = broker.Pass{}
		in.push(broker.ReadDone{Pass: pass, Err: d.Err})
	})
	return s
}

// use takes the whiteboard to be at path from the next operation on. One that is in flight keeps its own.
func (s *storageLanes) use(path string) {
	if s.fixed || path == "" || path == s.path {
		return
	}
	s.path, s.storage = path, newVolume(path, s.hostID)
}

// errNotConnected cannot happen while the core starts nothing before storage is connected.
var errNotConnected = errors.New("the storage is not connected")

// write starts a write; false if the lane is busy or closed.
func (s *storageLanes) write(e broker.StartWrite) bool {
	storage := s.storage
	return s.writer.Start(lane.Request{Op: lane.OpWrite, Segment: e.Segment, Run: func() error {
		if storage == nil {
			return errNotConnected
		}
		return storage.Write(e.Segment, e.Data)
	}})
}

// read starts a pass; false if the lane is busy or closed.
func (s *storageLanes) read(full bool) bool {
	op := lane.OpRead
	if full {
		op = lane.OpScan
	}
	storage := s.storage
	return s.reader.Start(lane.Request{Op: op, Segment: lane.NoSegment, Run: func() error {
		if storage == nil {
			return errNotConnected
		}
		started := clock.Now()
		found, err := storage.Pass(full)
		if err != nil {
			return err
		}
		if found.Read <= s.hostID {
			return fmt.Errorf("the whiteboard holds %d segments, this host's is number %d; check that whiteboard_path is the metadata volume",
				found.Read, s.hostID)
		}
		s.pass = broker.Pass{Started: started, Ended: clock.Now(), Bytes: found.Bytes, Full: found.Full}
		for _, f := range found.Found {
			s.pass.Segments = append(s.pass.Segments, broker.Seen{Segment: f.ID, Data: f.Data})
		}
		return nil
	}})
}
