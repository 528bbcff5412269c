package storage

import (
	"context"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// fc is Fibre Channel: the kernel finds the disks by itself, so that there is nothing to log in to.
type fc struct{ h *host }

func (fc) login(context.Context) error   { return nil }
func (fc) logout(context.Context) error  { return nil }
func (fc) release(context.Context) error { return nil }

// rescan asks the host adapters to look for disks. A look may take as long as the fabric does, so a program asks.
func (f fc) rescan(ctx context.Context) error {
	hosts, err := f.h.files.ReadDir("/sys/class/fc_host")
	if err != nil {
		return f.h.errorOf("list", "/sys/class/fc_host", KindLocal, err)
	}
	for _, host := range hosts {
		_, err := f.h.run(ctx, child.Spec{
			Argv: []string{"tee", "/sys/class/scsi_host/" + host + "/scan"}, Stdin: []byte("- - -\n"), Deadline: f.h.SubprocessTimeout, Ward: f.h.ward,
		})
		if err != nil {
			return f.h.errorOf("look for disks through", host, KindProgram, err)
		}
	}
	return nil
}

// owns says whether a disk is behind a remote port of a fabric.
func (fc) owns(device string) bool { return strings.Contains(device, "/rport-") }
