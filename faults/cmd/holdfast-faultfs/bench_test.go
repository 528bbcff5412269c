package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkBlock measures single blocks of 4 KiB with O_DIRECT, on the backing file and through the file system. The server is
// another process, this one is its user.
//
//	go test -run - -bench Block -benchtime 3000x ./faults/cmd/holdfast-faultfs
func BenchmarkBlock(b *testing.B) {
	for _, where := range []string{"raw", "through"} {
		for _, op := range []string{"read", "write"} {
			b.Run(where+"/"+op, func(b *testing.B) {
				l := newLab(b)
				dir := l.backing
				if where == "through" {
					dir = l.mount
				}
				benchmarkBlocks(b, filepath.Join(dir, "bench.img"), op)
			})
		}
	}
}

func benchmarkBlocks(b *testing.B, path, op string) {
	b.Helper()
	const blocks = 256
	require.NoError(b, os.WriteFile(path, make([]byte, blocks*4096), 0o600))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	require.NoError(b, err)
	defer unix.Close(fd)
	block, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(b, err)
	defer func() { _ = unix.Munmap(block) }()
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		if op == "read" {
			_, err = unix.Pread(fd, block, int64(i%blocks)*4096)
		} else {
			_, err = unix.Pwrite(fd, block, int64(i%blocks)*4096)
		}
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "p99-µs")
}
