// Package media makes the medium under a storage server hang, slow or fail: a rule of the fault file system holds, delays or refuses
// the server's own reads and writes, so the server answers everything that does not touch the medium.
package media

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

// SegmentSize is the size of a whiteboard segment in bytes: segment N is the bytes N*4096 to N*4096+4095 of the file.
const SegmentSize = 4096

// MaxSegment is the highest segment of a whiteboard: host id 2000.
const MaxSegment = 2000

// Options say which requests the fault is for and what happens to them. Every field but FileSystem comes from the words of
// the scenario.
type Options struct {
	// FileSystem is the fault file system under the server, usually a faultfs.Client.
	FileSystem FileSystem
	// By is the delay of `slow media by=200ms`; 0 means `hang media`.
	By time.Duration
	// Error makes it `fail media error=EIO`: requests fail with this error, one of faultfs.Errors(). It excludes By.
	Error string
	// Ops are the operations (op=write, op=write,fsync); none means all that touch data.
	Ops []faultfs.Op
	// Host limits the fault to one host (for=host2): to requests that come through the mount of that name. "" means all hosts.
	Host string
	// File is the base name of a file (file=whiteboard.img); "" means all files.
	File string
	// Segment is the whiteboard segment (segment=2), 0 to MaxSegment; nil means all bytes. It needs a File.
	Segment *int
	// First limits the fault to the first so many requests (first=3); 0 means no limit.
	First int
	// Probability is the chance of a request to be affected (p=0.1); 0 means every request.
	Probability float64
	// AwaitOthers makes Prove wait, until its context ends, for a request that is not the fault's own to be held or delayed.
	AwaitOthers bool
}

// rule is the rule that carries the options out, without its id.
func (o Options) rule() faultfs.Rule {
	r := faultfs.Rule{Kind: faultfs.Hang, Ops: o.Ops, Via: o.Host, File: o.File, First: o.First, Probability: o.Probability}
	if o.By != 0 {
		r.Kind, r.DelayMS = faultfs.Latency, float64(o.By)/float64(time.Millisecond)
	}
	if o.Error != "" {
		r.Kind, r.Error = faultfs.Fail, o.Error
		if len(o.Ops) == 0 && (o.Error == "ENOSPC" || o.Error == "EROFS") {
			r.Ops = []faultfs.Op{faultfs.OpWrite, faultfs.OpFsync, faultfs.OpAllocate, faultfs.OpTruncate} // what no read meets
		}
	}
	if o.Segment != nil {
		r.OffsetFrom = int64(*o.Segment) * SegmentSize
		r.OffsetTo = r.OffsetFrom + SegmentSize
	}
	return r
}

func (o Options) validate() error {
	switch {
	case o.FileSystem == nil:
		return errors.New("media fault: no fault file system given")
	case o.Segment != nil && (*o.Segment < 0 || *o.Segment > MaxSegment):
		return fmt.Errorf("media fault: segment=%d, want 0 to %d", *o.Segment, MaxSegment)
	case o.Segment != nil && o.File == "":
		return fmt.Errorf("media fault: segment=%d without file=: say which file's segment", *o.Segment)
	case o.Error != "" && o.By != 0:
		return fmt.Errorf("media fault: error=%s and by=%s: a request either fails or takes longer", o.Error, o.By)
	case o.By < 0:
		return fmt.Errorf("media fault: by=%s, want a positive delay", o.By)
	}
	if err := o.rule().Validate(); err != nil {
		return fmt.Errorf("media fault: %w", err)
	}
	return nil
}

// String prints the scenario's words: "hang media op=write file=whiteboard.img segment=2", "slow media by=200ms op=write",
// "fail media error=EIO op=write first=1".
func (o Options) String() string {
	words := []string{"hang", "media"}
	if o.By != 0 {
		words = []string{"slow", "media", "by=" + o.By.String()}
	}
	if o.Error != "" {
		words = []string{"fail", "media", "error=" + o.Error}
	}
	if len(o.Ops) > 0 {
		names := make([]string, len(o.Ops))
		for i, op := range o.Ops {
			names[i] = string(op)
		}
		words = append(words, "op="+strings.Join(names, ","))
	}
	if o.File != "" {
		words = append(words, "file="+o.File)
	}
	if o.Segment != nil {
		words = append(words, "segment="+strconv.Itoa(*o.Segment))
	}
	if o.Host != "" {
		words = append(words, "for="+o.Host)
	}
	if o.First != 0 {
		words = append(words, "first="+strconv.Itoa(o.First))
	}
	if o.Probability != 0 {
		words = append(words, "p="+strconv.FormatFloat(o.Probability, 'g', -1, 64))
	}
	return strings.Join(words, " ")
}
