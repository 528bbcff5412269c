package ovf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/ovf/vmconf"
)

// archiveSource is origin.Source of a vm.conf that came from the archive.
const archiveSource = "archive"

// origin says where the vm.conf in place came from. It is kept in a file beside it, so that a restarted broker knows how old vm.conf is, and
// so that a predecessor's thread that comes back from storage late finds out that it is too late.
type origin struct {
	BootID    string     `json:"boot_id"`            // ReadBegan counts within this boot only
	ReadBegan clock.Mono `json:"read_began_ns"`      // nanoseconds of CLOCK_MONOTONIC
	VMUUID    string     `json:"vm_uuid"`            //
	Source    string     `json:"source"`             // a volume, or archiveSource
	Published time.Time  `json:"published,omitzero"` // by the engine's clock
	SHA256    string     `json:"sha256"`             // of vm.conf without its comments
}

func (o origin) isOf(vm, bootID string) bool {
	return o.VMUUID == vm && o.BootID == bootID && bootID != ""
}

func (r *Room) originPath() string { return r.options.VMConf + ".origin" }

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

// recall takes up what the predecessor of this process left behind.
func (r *Room) recall() {
	o, ok := r.readOrigin()
	if !ok {
		return
	}
	r.origin = o
	r.state.VMUUID, r.state.Source, r.state.Published = o.VMUUID, o.Source, o.Published
	if o.isOf(o.VMUUID, r.bootID) && o.ReadBegan <= r.options.Clock.Now() {
		r.state.LastSuccess = o.ReadBegan
	}
}

// readOrigin returns the origin of the vm.conf in place; false if there is none that fits it.
func (r *Room) readOrigin() (origin, bool) {
	var o origin
	text, err := readFile(r.originPath())
	if err != nil || json.Unmarshal(text, &o) != nil {
		return origin{}, false
	}
	content, err := readFile(r.options.VMConf)
	if err != nil || content == nil || sum(vmconf.Body(content)) != o.SHA256 {
		return origin{}, false
	}
	return o, true
}

// publish puts a new vm.conf in place, unless a newer one is there, and says where it came from.
func (r *Room) publish(j *job, body []byte, o origin) error {
	o.BootID, o.VMUUID, o.SHA256 = r.bootID, j.vm, sum(body)
	return withLock(r.options.VMConf+".lock", "write vm.conf", r.options.LockWait, func() error {
		if !r.isCurrent(j) {
			return ErrOvertaken
		}
		there, known := r.readOrigin()
		if known && there.isOf(o.VMUUID, o.BootID) && there.ReadBegan > o.ReadBegan {
			r.adopt(there)
			return fmt.Errorf("%w: another process has read the OVF_STORE since", ErrOvertaken)
		}
		if !known || there.SHA256 != o.SHA256 {
			if err := r.replaceVMConf(body); err != nil {
				return err
			}
		}
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if err := replaceFile(r.originPath(), append(text, '\n')); err != nil {
			return err
		}
		r.adopt(o)
		return nil
	})
}

func (r *Room) replaceVMConf(body []byte) error {
	content, err := readFile(r.options.VMConf)
	if err == nil && content != nil && bytes.Equal(vmconf.Body(content), body) {
		return nil
	}
	return replaceFile(r.options.VMConf, vmconf.Definition{Body: body}.Text(r.options.Clock.Wall()))
}

// adopt makes o what the room knows.
func (r *Room) adopt(o origin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.origin = o
	r.state.Source, r.state.Published = o.Source, o.Published
	if o.VMUUID == r.state.VMUUID {
		r.state.LastSuccess = max(r.state.LastSuccess, o.ReadBegan)
	}
}

// bootID tells this boot of the machine from others; empty if the kernel does not say.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
