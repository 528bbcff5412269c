package ovf

import (
	"io"

	"github.com/holdfast-ha/holdfast/daemons/directio"
)

// Device reads and writes volumes, directly to and from storage. Both may block for ever; they are called in the lane only.
type Device interface {
	// Read returns up to length bytes from offset on; fewer where the volume ends.
	Read(path string, offset int64, length int) ([]byte, error)
	// Write writes data at offset and returns when storage has confirmed it. Offset and length are multiples of 4096 bytes. It never
	// makes a volume shorter.
	Write(path string, offset int64, data []byte) error
}

// DirectDevice is the Device of the machine: O_DIRECT, so that no other host's update stays invisible in a cache (S28).
type DirectDevice struct {
	// AllowBuffered permits file systems that refuse O_DIRECT; for tests.
	AllowBuffered bool
}

// Read implements Device.
func (d DirectDevice) Read(path string, offset int64, length int) ([]byte, error) {
	return directio.Volume{Path: path, AllowBuffered: d.AllowBuffered}.Read(offset, length)
}

// Write implements Device.
func (d DirectDevice) Write(path string, offset int64, data []byte) error {
	return directio.Volume{Path: path, AllowBuffered: d.AllowBuffered}.Write(offset, data)
}

// chunk is how much of a volume is read at once, in bytes.
const chunk = 128 << 10

// volumeReader reads a volume from its beginning, piece by piece, and only as far as it is asked to.
type volumeReader struct {
	device Device
	path   string
	offset int64
	rest   []byte
	ended  bool
}

func (v *volumeReader) Read(p []byte) (int, error) {
	if len(v.rest) == 0 {
		if v.ended {
			return 0, io.EOF
		}
		data, err := v.device.Read(v.path, v.offset, chunk)
		if err != nil {
			return 0, err
		}
		v.ended = len(data) < chunk
		v.offset += int64(len(data))
		if v.rest = data; len(data) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, v.rest)
	v.rest = v.rest[n:]
	return n, nil
}
