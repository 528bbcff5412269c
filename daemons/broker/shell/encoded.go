package shell

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// encodings keeps the segments in the form in which get_stats and get_view send them. A segment is encoded, and packed, once
// for each time that its contents change, whatever the number of callers: with 2,000 hosts an answer is 11 MB.
//
// What a segment's data point to never changes, so the pointer stands for the contents.
type encodings struct {
	newest atomic.Pointer[encoded]
	asked  atomic.Int64 // when somebody asked last, for warm; Unix nanoseconds

	mu    sync.Mutex
	known map[encodedKey]*encodedSegment // of the newest; guarded by mu
}

type encodedKey struct {
	segment int
	data    *whiteboard.Segment
}

// encoded is a snapshot's segments, encoded.
type encoded struct {
	of       *broker.Snapshot
	stats    xmlrpc.Raw        // the answer of get_stats
	segments []*encodedSegment // as in the snapshot
}

// encodedSegment shares one text between both answers.
type encodedSegment struct {
	member *xmlrpc.Piece // of get_stats; nil if it is not shown there
	value  *xmlrpc.Piece
}

var (
	statsHead = xmlrpc.NewPiece([]byte("<value><struct>\n"))
	statsTail = xmlrpc.NewPiece([]byte("</struct></value>\n"))
)

// of returns the encoded form of a snapshot.
func (e *encodings) of(snap *broker.Snapshot) *encoded {
	if newest := e.newest.Load(); newest != nil && newest.of == snap {
		return newest
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if newest := e.newest.Load(); newest != nil && newest.of == snap {
		return newest
	}
	known := make(map[encodedKey]*encodedSegment, len(snap.Segments))
	all := &encoded{of: snap, segments: make([]*encodedSegment, len(snap.Segments))}
	all.stats = append(make(xmlrpc.Raw, 0, len(snap.Segments)+2), statsHead)
	for i, state := range snap.Segments {
		key := encodedKey{state.Segment, state.Data}
		s, ok := e.known[key]
		if !ok {
			s = encodeSegment(state)
		}
		known[key], all.segments[i] = s, s
		if s.member != nil {
			all.stats = append(all.stats, s.member)
		}
	}
	all.stats = append(all.stats, statsTail)
	e.known = known
	e.newest.Store(all)
	return all
}

// encodeSegment encodes one segment. One that is empty, or that is no text, is not shown by get_stats: Python readers
// decode all of the answer at once, so it would break them (S12); get_view shows it.
func encodeSegment(state broker.SegmentState) *encodedSegment {
	value, _ := xmlrpc.Encode(state.Data[:]) // bytes always have an encoding
	if whiteboard.IsAbsent(state.Data[:]) || !utf8.Valid(state.Data[:]) {
		return &encodedSegment{value: xmlrpc.NewPiece(value)}
	}
	head := "<member>\n<name>" + strconv.Itoa(state.Segment) + "</name>\n"
	member := slices.Concat([]byte(head), value, []byte("</member>\n"))
	return &encodedSegment{
		member: xmlrpc.NewPiece(member),
		value:  xmlrpc.NewPiece(member[len(head) : len(head)+len(value)]),
	}
}

// warmFor is how long after the last question changes are still encoded before somebody asks again.
const warmFor = time.Minute

// keepWarm encodes and packs each change right after it is published, as long as somebody asks now and then, so that the
// one who asks first does not pay for all. It ends with ctx.
func (e *encodings) keepWarm(ctx context.Context, changed *bell, snapshot func() *broker.Snapshot) {
	for {
		heard := changed.heard()
		if time.Since(time.Unix(0, e.asked.Load())) < warmFor {
			for _, s := range e.of(snapshot()).segments {
				if s.member != nil {
					s.member.Pack()
				}
			}
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return
		}
	}
}

// ask notes that somebody asks.
func (e *encodings) ask(snap *broker.Snapshot) *encoded {
	e.asked.Store(time.Now().UnixNano())
	return e.of(snap)
}
