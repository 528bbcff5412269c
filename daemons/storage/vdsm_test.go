package storage

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// FakeVDSM answers as VDSM does and remembers what it was asked.
type FakeVDSM struct {
	connected, disconnected []vdsm.Connection
	pool                    string
	kind                    int
	statuses                []int
	info                    vdsm.DomainInfo
	refreshed               bool
	err                     error
}

var _ VDSM = (*vdsm.Client)(nil)

func (f *FakeVDSM) status(list []vdsm.Connection) ([]vdsm.ConnectionStatus, error) {
	var all []vdsm.ConnectionStatus
	for i, s := range f.statuses {
		all = append(all, vdsm.ConnectionStatus{ID: list[i].ID, Status: s})
	}
	return all, f.err
}

func (f *FakeVDSM) ConnectStorageServer(_ context.Context, pool string, kind int, list []vdsm.Connection) ([]vdsm.ConnectionStatus, error) {
	f.connected, f.pool, f.kind = list, pool, kind
	return f.status(list)
}

func (f *FakeVDSM) DisconnectStorageServer(_ context.Context, _ string, kind int, list []vdsm.Connection) ([]vdsm.ConnectionStatus, error) {
	f.disconnected, f.kind = list, kind
	return f.status(list)
}

func (f *FakeVDSM) DomainGetInfo(context.Context, string) (vdsm.DomainInfo, error) {
	return f.info, f.err
}

func (f *FakeVDSM) DomainGetStats(context.Context, string) (vdsm.DomainSpace, error) {
	f.refreshed = true
	return vdsm.DomainSpace{}, errors.New("no matter")
}

func (f *FakeVDSM) ImagePrepare(_ context.Context, v vdsm.VolumeID) (string, error) {
	return "/run/vdsm/storage/" + v.Domain + "/" + v.Image + "/" + v.Volume, f.err
}

func TestVDSMConnectsAFileDomain(t *testing.T) {
	for _, test := range []struct {
		driver, version, vfs, connection string
		kind                             int
		want                             vdsm.Connection
		point                            string
	}{
		{"nfs", "4.1", "", "nas://he/", 1, vdsm.Connection{Connection: "nas:/he", User: "kvm", ProtocolVersion: "4.1", MountOptions: "sec=krb5"}, mnt + "/nas:_he"},
		{"nfs", "", "", "nas:/he", 1, vdsm.Connection{Connection: "nas:/he", User: "kvm", ProtocolVersion: "auto", MountOptions: "sec=krb5"}, mnt + "/nas:_he"},
		{"glusterfs", "", "", "g1:/v", 7, vdsm.Connection{Connection: "g1:/v", User: "kvm", VFSType: "glusterfs", MountOptions: "sec=krb5"}, mnt + "/glusterSD/g1:_v"},
		{"posix", "", "ceph", "m:/", 6, vdsm.Connection{Connection: "m:/", User: "kvm", VFSType: "ceph", MountOptions: "sec=krb5"}, mnt + "/m:_"},
	} {
		h := newFakeHost(t)
		f := &FakeVDSM{statuses: []int{0}, info: vdsm.DomainInfo{BlockSize: "4096"}}
		s := testSettings(test.driver, test.connection)
		s.NFSVersion, s.VFSType, s.MountOptions, s.Prepare = test.version, test.vfs, "sec=krb5", "auto"
		deps := h.deps()
		deps.VDSM = f
		d := newDriver(t, s, deps)
		require.Contains(t, d.Describe(), "through VDSM")
		v, err := d.Connect(t.Context())
		require.NoError(t, err)
		want := fileVolumesOf(test.point)
		want.Sector = 4096
		require.Equal(t, want, v)
		test.want.ID = s.ConnectionUUID
		require.Equal(t, []vdsm.Connection{test.want}, f.connected)
		require.Equal(t, test.kind, f.kind)
		require.Equal(t, vdsm.BlankPool, f.pool)
		require.True(t, f.refreshed)
		require.Empty(t, h.commands(), "VDSM mounts and links")

		require.NoError(t, d.Disconnect(t.Context()))
		require.Equal(t, test.connection, f.disconnected[0].Connection, "as it is spelled")
	}
}

func TestVDSMSpellsTheMountPoint(t *testing.T) {
	deps := newFakeHost(t).deps()
	deps.VDSM = &FakeVDSM{statuses: []int{0}, info: vdsm.DomainInfo{RemotePath: "nas:/he_1"}}
	v, err := newDriver(t, testSettings("nfs", "nas:/he"), deps).Connect(t.Context())
	require.NoError(t, err)
	require.Equal(t, mnt+"/nas:_he__1/"+testDomain, v.DomainDir)
	require.Equal(t, 512, v.Sector, "VDSM does not say")
}

func TestVDSMLeavesTheCompatibilityLinksToUs(t *testing.T) {
	h := newFakeHost(t)
	deps := h.deps()
	deps.VDSM = &FakeVDSM{statuses: []int{0}}
	point := mnt + "/nas:_he"
	h.serve(point)
	h.mounts, h.shared = append(h.mounts, mounted(point, "nfs4", "nas:/he")), []string{point}
	v, err := newDriver(t, testSettings("nfs", "nas:/he"), deps).Connect(t.Context())
	require.NoError(t, err)
	target, err := os.Readlink(h.root + v.DomainDir + "/ha_agent/hosted-engine.lockspace")
	require.NoError(t, err)
	require.Equal(t, v.Lockspace, target)
	require.NotContains(t, h.noted(), "link")

	target = h.root + mnt + "/blockSD/" + testDomain
	require.NoError(t, os.MkdirAll(target, 0o755))
	v, err = newDriver(t, testSettings("fc", ""), deps).Connect(t.Context())
	require.NoError(t, err)
	target, err = os.Readlink(target + "/ha_agent/hosted-engine.metadata")
	require.NoError(t, err)
	require.Equal(t, v.Whiteboard, target)
}

func TestVDSMConnectsBlockDomains(t *testing.T) {
	f := newFakeTarget(t)
	fake := &FakeVDSM{statuses: []int{465, 0, 465}}
	deps := f.deps()
	deps.VDSM = fake
	d := newDriver(t, iscsiSettings(), deps)
	v, err := d.Connect(t.Context())
	require.NoError(t, err, "one good path is enough")
	require.Contains(t, f.noted(), "VDSM could not connect some of the connections: 10.0.0.1: status 465, fd00::9: status 465")
	require.Equal(t, "/dev/"+testDomain+"/metadata", v.Domain)
	require.Len(t, fake.connected, 3)
	first := fake.connected[0]
	require.NotEqual(t, fake.connected[1].ID, first.ID)
	require.Len(t, first.ID, 36)
	first.ID = ""
	require.Equal(t, vdsm.Connection{Connection: "10.0.0.1", Port: "3260", IQN: testIQN, Tpgt: "3", User: "he", Password: testSecret}, first)
	f.spotless(err)

	fake.statuses = []int{465, 465, 465}
	_, err = d.Connect(t.Context())
	require.Equal(t, KindVDSM, kindOf(err))
	require.ErrorContains(t, err, "VDSM says 10.0.0.1: status 465")
	fake.statuses = nil
	require.ErrorContains(t, d.Disconnect(t.Context()), "nothing about any connection")
	f.spotless(err)

	fc := &FakeVDSM{}
	deps.VDSM = fc
	_, err = newDriver(t, testSettings("fc", ""), deps).Connect(t.Context())
	require.NoError(t, err)
	require.Zero(t, fc.kind, "FC has nothing to connect")
}

func TestVDSMThatDoesNotAnswer(t *testing.T) {
	h := newFakeHost(t)
	deps := h.deps()
	deps.VDSM = &FakeVDSM{err: context.DeadlineExceeded}
	d := newDriver(t, testSettings("nfs", "nas:/he"), deps)
	_, err := d.Connect(t.Context())
	require.Equal(t, KindTimeout, kindOf(err))
	require.Equal(t, KindTimeout, kindOf(d.Disconnect(t.Context())))

	deps.VDSM = &FakeVDSM{statuses: []int{0}, err: nil}
	s := testSettings("nfs", "nas:/he")
	s.Prepare = "direct"
	h.serve(mnt + "/nas:_he")
	d = newDriver(t, s, deps)
	_, err = d.Connect(t.Context())
	require.NoError(t, err)
	require.NotContains(t, d.Describe(), "VDSM", "direct is direct")
	_, err = os.Readlink(h.root + runLinks + "/" + testDomain + "/" + metaImage)
	require.NoError(t, err)
}
