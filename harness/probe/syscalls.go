package probe

import "strconv"

// SyscallName returns the name of a system call by its number on an
// architecture (a GOARCH: amd64 or arm64). Those that storage, sockets and waiting are made
// of are known; for others it is the number as text, and for a negative number "".
func SyscallName(arch string, number int) string {
	if number < 0 {
		return ""
	}
	var names []string
	switch arch {
	case "amd64":
		names = namesOnAMD64()
	case "arm64":
		names = namesOnARM64()
	}
	if number >= len(names) || names[number] == "" {
		return strconv.Itoa(number)
	}
	return names[number]
}

func namesOnAMD64() []string {
	return []string{
		0: "read", 1: "write", 2: "open", 3: "close", 4: "stat", 5: "fstat", 7: "poll", 8: "lseek", 9: "mmap",
		11: "munmap", 16: "ioctl", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev", 21: "access",
		23: "select", 24: "sched_yield", 26: "msync", 35: "nanosleep", 41: "socket", 42: "connect", 43: "accept",
		44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 56: "clone", 58: "vfork", 59: "execve",
		60: "exit", 61: "wait4", 72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 76: "truncate",
		77: "ftruncate", 78: "getdents", 82: "rename", 83: "mkdir", 87: "unlink", 128: "rt_sigtimedwait",
		137: "statfs", 138: "fstatfs", 162: "sync", 165: "mount", 166: "umount2", 202: "futex", 206: "io_setup",
		207: "io_destroy", 208: "io_getevents", 209: "io_submit", 210: "io_cancel", 217: "getdents64",
		219: "restart_syscall", 230: "clock_nanosleep", 231: "exit_group", 232: "epoll_wait", 247: "waitid",
		257: "openat", 258: "mkdirat", 262: "newfstatat", 263: "unlinkat", 264: "renameat", 269: "faccessat",
		270: "pselect6", 271: "ppoll", 277: "sync_file_range", 281: "epoll_pwait", 285: "fallocate", 288: "accept4",
		295: "preadv", 296: "pwritev", 306: "syncfs", 316: "renameat2", 327: "preadv2", 328: "pwritev2",
		332: "statx", 333: "io_pgetevents", 425: "io_uring_setup", 426: "io_uring_enter", 427: "io_uring_register",
		437: "openat2", 441: "epoll_pwait2",
	}
}

func namesOnARM64() []string {
	return []string{
		0: "io_setup", 1: "io_destroy", 2: "io_submit", 3: "io_cancel", 4: "io_getevents", 22: "epoll_pwait",
		25: "fcntl", 29: "ioctl", 32: "flock", 34: "mkdirat", 35: "unlinkat", 38: "renameat", 39: "umount2",
		40: "mount", 43: "statfs", 44: "fstatfs", 45: "truncate", 46: "ftruncate", 47: "fallocate", 48: "faccessat",
		56: "openat", 57: "close", 61: "getdents64", 62: "lseek", 63: "read", 64: "write", 65: "readv", 66: "writev",
		67: "pread64", 68: "pwrite64", 69: "preadv", 70: "pwritev", 72: "pselect6", 73: "ppoll", 79: "newfstatat",
		80: "fstat", 81: "sync", 82: "fsync", 83: "fdatasync", 84: "sync_file_range", 93: "exit", 94: "exit_group",
		95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 124: "sched_yield",
		128: "restart_syscall", 137: "rt_sigtimedwait", 198: "socket", 202: "accept", 203: "connect", 206: "sendto",
		207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 215: "munmap", 220: "clone", 221: "execve", 222: "mmap",
		227: "msync", 242: "accept4", 260: "wait4", 267: "syncfs", 276: "renameat2", 286: "preadv2", 287: "pwritev2",
		291: "statx", 292: "io_pgetevents", 425: "io_uring_setup", 426: "io_uring_enter", 427: "io_uring_register",
		437: "openat2", 441: "epoll_pwait2",
	}
}
