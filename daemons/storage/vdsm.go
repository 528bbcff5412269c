package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
)

// VDSM is what the drivers ask of VDSM; *vdsm.Client is one. Mounting takes VDSM longer than other calls, so give it a client whose
// Options.Timeout is at least the mount_timeout.
type VDSM interface {
	ConnectStorageServer(ctx context.Context, pool string, domainType int, to []vdsm.Connection) ([]vdsm.ConnectionStatus, error)
	DisconnectStorageServer(ctx context.Context, pool string, domainType int, from []vdsm.Connection) ([]vdsm.ConnectionStatus, error)
	DomainGetInfo(ctx context.Context, domain string) (vdsm.DomainInfo, error)
	DomainGetStats(ctx context.Context, domain string) (vdsm.DomainSpace, error)
	ImagePrepare(ctx context.Context, volume vdsm.VolumeID) (path string, err error)
}

// vdsmDriver has VDSM connect the storage and make the volumes ready.
type vdsmDriver struct {
	*host
	vdsm  VDSM
	kind  int   // VDSM's domainType
	iscsi iscsi // for that kind
}

func newVDSM(h *host, v VDSM) (Driver, error) {
	if v == nil {
		return nil, settingsError("storage_prepare", "is vdsm, but VDSM is not used on this host: want direct or auto, or check the key vdsm")
	}
	d := &vdsmDriver{host: h, vdsm: v}
	var err error
	switch h.Driver {
	case config.DriverNFS:
		d.kind = vdsm.TypeNFS
	case config.DriverGluster:
		d.kind = vdsm.TypeGlusterFS
	case config.DriverPosix:
		d.kind = vdsm.TypePosix
	case config.DriverFC:
		d.kind = vdsm.TypeFC
	case config.DriverISCSI:
		d.kind = vdsm.TypeISCSI
		d.iscsi, err = newISCSI(h)
	default:
		err = settingsError("storage_driver", "%q is none that VDSM knows", h.Driver)
	}
	if err == nil && d.isFile() {
		_, err = h.mountSource()
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// isFile says whether the domain is a mounted file system.
func (d *vdsmDriver) isFile() bool { return d.kind != vdsm.TypeISCSI && d.kind != vdsm.TypeFC }

// Describe names the connection.
func (d *vdsmDriver) Describe() string {
	return strings.TrimSpace(d.Driver+" "+d.Connection) + " through VDSM"
}

// Connect connects the server, which VDSM does not repeat where it is connected, and has the images prepared.
func (d *vdsmDriver) Connect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if err := d.server(ctx, "connect", d.vdsm.ConnectStorageServer, true); err != nil {
		return Volumes{}, err
	}
	// VDSM looks for the domain anew when asked for its space; what it answers does not matter.
	if _, err := d.vdsm.DomainGetStats(ctx, d.SDUUID); err != nil {
		d.note("refresh the storage domain: " + err.Error())
	}
	info, err := d.vdsm.DomainGetInfo(ctx, d.SDUUID)
	if err != nil {
		return Volumes{}, d.errorOf("look for the storage domain", d.SDUUID, KindVDSM, err)
	}
	v, err := d.volumes(info)
	if err != nil {
		return Volumes{}, err
	}
	if v, err = d.prepared(ctx, v, vdsmPreparer{d}); err != nil {
		return Volumes{}, err
	}
	d.links(ctx, v)
	return v, nil
}

// links makes the links that upstream makes, where VDSM has put the domain's directory: nothing is made on this host's own disk in the
// place of a mount that is not there.
func (d *vdsmDriver) links(ctx context.Context, v Volumes) {
	if !d.isFile() {
		if _, err := d.files.Lstat(v.DomainDir); err == nil { // it has links to devices and is on this host's own disk
			d.compatibilityLinks(ctx, v, localLinks{d.host})
		}
		return
	}
	table, err := d.mounts()
	if err != nil {
		d.note(err.Error())
		return
	}
	if _, mounted := table.At(path.Dir(v.DomainDir)); mounted {
		d.compatibilityLinks(ctx, v, sharedLinks{d.host})
	}
}

// volumes is what is known before any image is prepared.
func (d *vdsmDriver) volumes(info vdsm.DomainInfo) (Volumes, error) {
	var v Volumes
	if d.isFile() {
		source := string(info.RemotePath)
		if source == "" {
			var err error
			if source, err = d.mountSource(); err != nil {
				return v, err
			}
		}
		v = d.fileVolumes(d.mountPoint(source))
	} else {
		v = d.blockVolumes()
	}
	v.Sector = 512
	if n, ok := info.BlockSize.Int(); ok && (n == 512 || n == 4096) {
		v.Sector = int(n)
	}
	return v, nil
}

// Disconnect has VDSM disconnect the server. VDSM itself stays as it is.
func (d *vdsmDriver) Disconnect(ctx context.Context) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return d.server(ctx, "disconnect", d.vdsm.DisconnectStorageServer, false)
}

type serverCall func(ctx context.Context, pool string, domainType int, connections []vdsm.Connection) ([]vdsm.ConnectionStatus, error)

// server connects or disconnects; one good connection of several is enough (upstream's bug 1543424).
func (d *vdsmDriver) server(ctx context.Context, op string, call serverCall, normal bool) error {
	list, err := d.connections(ctx, normal)
	if err != nil || len(list) == 0 {
		return err // FC has nothing to connect
	}
	statuses, err := call(ctx, cmp.Or(d.SPUUID, vdsm.BlankPool), d.kind, list)
	if err != nil {
		return d.errorOf(op, d.Connection, KindVDSM, err)
	}
	good := slices.ContainsFunc(statuses, func(s vdsm.ConnectionStatus) bool { return s.Status == 0 })
	var bad []string
	for _, s := range statuses {
		if s.Status == 0 {
			continue
		}
		at := s.ID
		if i := slices.IndexFunc(list, func(c vdsm.Connection) bool { return c.ID == s.ID }); i >= 0 {
			at = list[i].Connection
		}
		bad = append(bad, fmt.Sprintf("%s: status %d", at, s.Status))
	}
	if !good {
		return d.errorOf(op, d.Connection, KindVDSM, errors.New("VDSM says "+cmp.Or(strings.Join(bad, ", "), "nothing about any connection")))
	}
	if len(bad) > 0 {
		d.note(fmt.Sprintf("%s: VDSM could not %s some of the connections: %s", d.Driver, op, strings.Join(bad, ", ")))
	}
	return nil
}

// connections are VDSM's parameters for this storage.
func (d *vdsmDriver) connections(ctx context.Context, normal bool) ([]vdsm.Connection, error) {
	if d.kind == vdsm.TypeFC {
		return nil, nil
	}
	if d.kind == vdsm.TypeISCSI {
		return d.iscsiConnections(ctx)
	}
	// Upstream's clients connect the path in its normal form, and disconnect it as it is spelled.
	source := d.Connection
	if normal {
		var err error
		if source, err = d.mountSource(); err != nil {
			return nil, err
		}
	}
	c := vdsm.Connection{ID: d.ConnectionUUID, Connection: source, User: "kvm", MountOptions: d.MountOptions}
	switch d.kind {
	case vdsm.TypeNFS:
		c.ProtocolVersion = cmp.Or(d.NFSVersion, "auto")
	case vdsm.TypeGlusterFS:
		c.VFSType = "glusterfs"
	case vdsm.TypePosix:
		c.VFSType = d.VFSType
	}
	return []vdsm.Connection{c}, nil
}

// iscsiConnections are one for each path.
func (d *vdsmDriver) iscsiConnections(ctx context.Context) ([]vdsm.Connection, error) {
	paths, err := d.iscsi.paths(ctx)
	if err != nil {
		return nil, err
	}
	var list []vdsm.Connection
	for i, p := range paths {
		c := vdsm.Connection{
			ID: vdsm.NewID(), Connection: p.Address, Port: p.Port, IQN: p.IQN, Tpgt: p.Tpgt, User: p.User, Password: vdsm.Hidden(p.Password.Reveal()),
			IfaceName: p.Iface, NetIfaceName: p.NetIface,
		}
		if i == 0 {
			c.MountOptions = d.MountOptions
		}
		list = append(list, c)
	}
	return list, nil
}

// vdsmPreparer makes images ready through Image.prepare, with the blank pool (upstream's bug 1130038).
type vdsmPreparer struct{ *vdsmDriver }

func (p vdsmPreparer) Prepare(ctx context.Context, image, volume string) (string, error) {
	path, err := p.vdsm.ImagePrepare(ctx, vdsm.VolumeID{Pool: vdsm.BlankPool, Domain: p.SDUUID, Image: image, Volume: volume})
	return path, p.errorOf("prepare", image+"/"+volume, KindVDSM, err)
}
