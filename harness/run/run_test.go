package run

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/harness/doctor"
)

// TestWhatTheMachineLacksIsTold: a cluster that cannot come up for want of /dev/fuse is a SKIP with its cure, one that does not come
// up on a whole machine is trouble.
func TestWhatTheMachineLacksIsTold(t *testing.T) {
	failure := errors.New("container storage: no such device")
	list := []doctor.Capability{
		{Name: "Docker engine", OK: true, Needed: doctor.ForContainers},
		{Name: "/dev/kvm", Needed: doctor.NiceToHave},
		{Name: "Go", Needed: doctor.ForTests},
	}
	require.Empty(t, lacking(failure, list))
	list = append(list, doctor.Capability{Name: "/dev/fuse", Needed: doctor.ForContainers, Found: "no such file", Cure: "modprobe fuse"})
	require.Equal(t, []string{"/dev/fuse: no such file; get it with: modprobe fuse", failure.Error()}, lacking(failure, list))
}
