package run

import (
	"fmt"
	"math"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// What makes a thread count as blocked.
const (
	blockedAtLeast = 0.3 // seconds in one operation, by the broker's and by the kernel's account
	sinceAgrees    = 0.5 // seconds by which the two accounts of the beginning may differ
)

// storageWaits are the beginnings of kernel functions in which a thread waits for storage. A thread in state S counts as
// blocked on storage only in one of these; in state D any function will do.
func storageWaits() []string {
	return []string{
		"fuse_", "request_wait_answer", "wait_on_request", "__fuse_", // userspace attachment
		"rpc_", "nfs_", "folio_wait", "wait_on_page", "wait_on_commit", // kernel NFS
		"submit_bio_wait", "blkdev_", "__blkdev", "io_schedule", "bit_wait_io", "bio_await", "iomap_", "dio_", // block devices
	}
}

// storageCalls are the system calls that a lane makes on shared storage.
func storageCalls() []string {
	return []string{"read", "pread64", "write", "pwrite64", "openat", "open", "close", "fsync", "fdatasync", "newfstatat", "fstat"}
}

// servedLanes are the lanes that also wait for a server or a program: sanlock, VDSM, a mail server, mount. Such a wait goes through
// Go's runtime, so the kernel shows the thread asleep in one of waitCalls, as it shows an idle one; get_lanes tells the two apart.
func servedLanes() []string {
	return []string{"ha-lease", "ha-mount", "ha-domain", "ha-ovf", "ha-notify"}
}

func waitCalls() []string {
	return []string{"futex", "epoll_pwait", "epoll_wait", "recvfrom", "recvmsg", "connect", "sendto", "poll", "ppoll", "read", "write", "wait4", "waitid"}
}

// laneBlocked says whether the lane's thread sits in a system call on storage, by the kernel's account and by the broker's,
// and whether both agree on the thread, on the state and since when. why tells what is missing. What was seen too long before
// now is no evidence.
func laneBlocked(w *watch, name string, now float64) (evidence verdict.Lane, ok bool, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lane, seen := w.lanes[name]; seen && now-lane.t > staleSight {
		return evidence, false, fmt.Sprintf("the latest look at it is %.1f s old", now-lane.t)
	}
	return blockedNow(w, name)
}

// blockedNow is laneBlocked for a caller that holds the lock.
func blockedNow(w *watch, name string) (evidence verdict.Lane, ok bool, why string) {
	lane, seen := w.lanes[name]
	if !seen {
		return evidence, false, fmt.Sprintf("get_lanes shows no lane %s (it shows %s)", name, keys(w.lanes))
	}
	thread, seen := w.threads[name]
	if !seen {
		return evidence, false, fmt.Sprintf("no thread of the broker is called %s (there are %s)", name, keys(w.threads))
	}
	evidence = verdict.Lane{
		Name: name, BlockedS: math.Round(lane.blocked*1000) / 1000, Syscall: thread.syscall, State: thread.state, Wchan: thread.wchan,
	}
	kernel := thread.t - thread.since
	served := isOneOf(name, servedLanes()) && thread.state == "S" && isOneOf(thread.syscall, waitCalls())
	switch {
	case math.Abs(lane.t-thread.t) > staleSight:
		return evidence, false, fmt.Sprintf("the looks at lane and thread are %.1f s apart", math.Abs(lane.t-thread.t))
	case !lane.busy || lane.blocked < blockedAtLeast:
		return evidence, false, "get_lanes shows it idle or busy only for a moment"
	case !thread.still || kernel < blockedAtLeast:
		return evidence, false, fmt.Sprintf("the kernel shows thread %d running, or waiting only for a moment", thread.tid)
	case lane.tid != thread.tid:
		return evidence, false, fmt.Sprintf("get_lanes says thread %d, the kernel says %d", lane.tid, thread.tid)
	case served && thread.since < lane.since-sinceAgrees:
		return evidence, false, fmt.Sprintf("the thread sleeps since %.2f s, before the operation began at %.2f s", thread.since, lane.since)
	case served: // each step of the operation is a wait of its own, so the kernel's may have begun later
	case !isOneOf(thread.syscall, storageCalls()):
		return evidence, false, fmt.Sprintf("the thread is in system call %q, which is none on storage", thread.syscall)
	case thread.state != "D" && (thread.state != "S" || !beginsWithOneOf(thread.wchan, storageWaits())):
		return evidence, false, fmt.Sprintf("the thread is in state %s, wchan %q: neither D nor S in a known wait for storage", thread.state, thread.wchan)
	case math.Abs(thread.since-lane.since) > sinceAgrees:
		return evidence, false, fmt.Sprintf("get_lanes says since %.2f s, the kernel since %.2f s", lane.since, thread.since)
	}
	return evidence, true, ""
}

// remember keeps the longest blockage of a lane that both accounts showed. The caller holds the lock.
func (o *observer) remember(w *watch, name string, s laneSight) {
	if !s.busy || s.blocked < blockedAtLeast {
		return
	}
	if evidence, ok, _ := blockedNow(w, name); ok && evidence.BlockedS > w.blocked[name].BlockedS {
		w.blocked[name] = evidence
	}
}

func isOneOf(s string, list []string) bool {
	for _, other := range list {
		if s == other {
			return true
		}
	}
	return false
}

func beginsWithOneOf(s string, list []string) bool {
	for _, start := range list {
		if strings.HasPrefix(s, start) {
			return true
		}
	}
	return false
}

func keys[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none"
	}
	return strings.Join(sortedKeys(m), ", ")
}
