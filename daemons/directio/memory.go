package directio

import "unsafe"

// Aligned returns size bytes of memory that starts at a multiple of 4096, as O_DIRECT wants it.
func Aligned(size int) []byte {
	// Go does not move memory of this size, so an aligned part of a larger slice stays aligned.
	raw := make([]byte, size+block)
	skip := 0
	if rest := int(uintptr(unsafe.Pointer(&raw[0])) % block); rest != 0 {
		skip = block - rest
	}
	return raw[skip : skip+size : skip+size]
}
