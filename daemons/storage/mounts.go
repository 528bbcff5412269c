package storage

import "github.com/holdfast-ha/holdfast/daemons/mountinfo"

// mounts reads the table of mounts.
func (h *host) mounts() (mountinfo.Table, error) {
	text, err := h.files.Mounts()
	if err != nil {
		return nil, h.errorOf("read", mountinfo.Path, KindLocal, err)
	}
	return mountinfo.Parse(string(text)), nil
}
