package ovf

import (
	"io/fs"
	"os"
	"syscall"
)

// adoptOwner gives file the owner of old. Only root may; for others the file stays their own.
func adoptOwner(file *os.File, old fs.FileInfo) {
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(stat.Uid), int(stat.Gid))
	}
}
