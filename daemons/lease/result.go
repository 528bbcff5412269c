package lease

import (
	"fmt"
	"syscall"
)

// Result is the daemon's answer to a command when it is negative: -errno, or one of sanlock's own codes (-201 to
// -278). It is an error, matches its constant with errors.Is, and matches a syscall.Errno when it stands for one:
// errors.Is(err, syscall.EEXIST).
type Result int32

// Results that Holdfast acts on. The values are sanlock's.
const (
	ErrAlreadyHeld   = Result(-int32(syscall.EEXIST))      // AddLockspace: the same lockspace and host id are held
	ErrInProgress    = Result(-int32(syscall.EINPROGRESS)) // being added or removed
	ErrNotFound      = Result(-int32(syscall.ENOENT))      // InqLockspace, RemLockspace: not known
	ErrInvalid       = Result(-int32(syscall.EINVAL))      // AddLockspace: name or path in use with another host id
	ErrAgain         = Result(-int32(syscall.EAGAIN))      // GetHosts right after joining; AddLockspace while leaving
	ErrNoDevice      = Result(-int32(syscall.ENODEV))      // the path cannot be opened
	ErrNoLockspace   = Result(-int32(syscall.ENOSPC))      // Acquire: the lockspace is not held or is failing
	ErrBusy          = Result(-int32(syscall.EBUSY))       // another command of this registered process is under way
	ErrNotRegistered = Result(-int32(syscall.ESRCH))       // the pid is not registered
	ErrNotHeldByYou  = Result(-1)                          // Release: this process does not hold it

	ErrGeneral        = Result(-201) // also: a join ended by a removal or a shutdown
	ErrIOTimeout      = Result(-202)
	ErrWatchdog       = Result(-203) // wdmd cannot be reached
	ErrLeaderRead     = Result(-220)
	ErrLeaderWrite    = Result(-221)
	ErrNotFormatted   = Result(-223) // no magic: WriteLockspace never ran
	ErrLockspaceName  = Result(-226) // the area belongs to another lockspace
	ErrResourceName   = Result(-227) // the area belongs to another resource
	ErrChecksum       = Result(-229)
	ErrHostIDTooLarge = Result(-231)
	ErrHeldElsewhere  = Result(-243) // another living host holds the resource
	ErrOwned          = Result(-244)
	ErrOwnedByOther   = Result(-245)
	ErrOwnedRetry     = Result(-247) // NoWait: held, and the daemon cannot yet tell whether the owner lives. Ask again
	ErrHostIDHeld     = Result(-262) // AddLockspace: another host holds this host id
)

// Code returns the number as sanlock prints it, negative.
func (r Result) Code() int { return int(r) }

// Errno returns the errno that r stands for, or 0 when r is one of sanlock's own codes.
func (r Result) Errno() syscall.Errno {
	if r < 0 && r > -200 {
		return syscall.Errno(-r)
	}
	return 0
}

// Is matches the syscall.Errno that r stands for.
func (r Result) Is(target error) bool {
	errno, ok := target.(syscall.Errno)
	return ok && errno != 0 && errno == r.Errno()
}

// Error returns the meaning and the number.
func (r Result) Error() string {
	if text := r.meaning(); text != "" {
		return fmt.Sprintf("%s (sanlock error %d)", text, int32(r))
	}
	if errno := r.Errno(); errno != 0 {
		return fmt.Sprintf("%s (sanlock error %d)", errno.Error(), int32(r))
	}
	return fmt.Sprintf("sanlock error %d", int32(r))
}

// meaning names sanlock's own codes.
func (r Result) meaning() string {
	switch -r {
	case 201:
		return "general error"
	case 202:
		return "storage did not answer in time"
	case 203:
		return "watchdog daemon cannot be reached"
	case 210:
		return "reading a ballot block failed"
	case 211:
		return "writing a ballot block failed"
	case 212, 213, 214:
		return "ballot block changed or damaged"
	case 220:
		return "reading the lease record failed"
	case 221:
		return "writing the lease record failed"
	case 222:
		return "lease records differ between disks"
	case 223:
		return "no lease record there: not formatted"
	case 224:
		return "lease record has another version"
	case 225:
		return "lease record has another sector size"
	case 226:
		return "area belongs to another lockspace"
	case 227:
		return "area belongs to another resource"
	case 228:
		return "lease record has another number of hosts"
	case 229:
		return "lease record has a bad checksum"
	case 230:
		return "sector and area size do not fit together"
	case 231:
		return "host id is larger than the area allows"
	case 240:
		return "lease version is not the expected one"
	case 241:
		return "resource is in another lockspace"
	case 242:
		return "host id lease cannot be read"
	case 243:
		return "lease is held by a living host"
	case 244:
		return "lease is held"
	case 245:
		return "lease is held by another host"
	case 246:
		return "shared lease is contended, try again"
	case 247:
		return "lease is held and its owner's state is not known yet, try again"
	case 250:
		return "lease to release has another version"
	case 251:
		return "lease to release has another owner"
	case 260:
		return "host id lease has another owner now"
	case 261:
		return "host id lease was changed by somebody else"
	case 262:
		return "host id is held by another host"
	case 270, 271, 272, 273:
		return "request record does not fit"
	case 274, 275, 276, 277, 278:
		return "resource index is damaged or does not fit"
	}
	return ""
}

// remedy says what an operator can do about r; empty when there is nothing to say beyond its meaning.
func (r Result) remedy() string {
	switch r {
	case ErrNoDevice:
		return "check that the path exists, that its storage is attached and that sanlock's user may open it"
	case ErrNotFormatted:
		return "initialise the lockspace (hosted-engine --reinitialize-lockspace) or correct the path"
	case ErrLockspaceName, ErrResourceName:
		return "correct the path or the name; this area is somebody else's"
	case ErrHostIDHeld:
		return "another host uses this host id; give this host its own host_id"
	case ErrHostIDTooLarge:
		return "use a smaller host_id or a larger lease area"
	case ErrHeldElsewhere, ErrOwnedByOther, ErrOwned:
		return "the engine runs on another host; nothing to do here"
	case ErrIOTimeout, ErrLeaderRead, ErrLeaderWrite:
		return "storage is slow, hung or failing; look at it first"
	case ErrNoLockspace:
		return "join the lockspace first, or wait until it is joined"
	case ErrWatchdog:
		return "start wdmd, or run sanlock without its watchdog"
	}
	return ""
}
