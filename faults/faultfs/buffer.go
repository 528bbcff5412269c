package faultfs

import (
	"sync"
	"unsafe"
)

// alignment is what O_DIRECT wants of buffers, offsets and lengths: no block device in use has larger blocks, and 4096 is
// what the whiteboard and sanlock use.
const alignment = 4096

// maxRequest is the largest read or write that the kernel sends in one request, in bytes.
const maxRequest = 1 << 20

// bounce lends buffers aligned for O_DIRECT. Go's own buffers need not be aligned; the collector does not move them.
type bounce struct{ pool sync.Pool }

// get returns a buffer of n bytes, n at most maxRequest. It goes back with put.
func (b *bounce) get(n int) []byte {
	size := alignment
	if n > size {
		size = maxRequest // two sizes: single blocks, which are most requests, and the rest
	}
	if v, ok := b.pool.Get().(*[]byte); ok && cap(*v) >= size {
		return (*v)[:n]
	}
	raw := make([]byte, size+alignment)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(raw))) & (alignment - 1))
	return raw[skip : skip+size : skip+size][:n]
}

func (b *bounce) put(buf []byte) { b.pool.Put(&buf) }

// aligned reports whether the buffer itself can be used with O_DIRECT.
func aligned(buf []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(buf)))&(alignment-1) == 0
}

// blocks reports whether a request covers whole blocks.
func blocks(off int64, n int) bool { return off%alignment == 0 && n%alignment == 0 }
