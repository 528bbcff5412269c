package vdsm

import (
	"context"
	"errors"
)

// BlankPool is the storage pool id to use for volumes of a domain whose pool may not be connected.
const BlankPool = "00000000-0000-0000-0000-000000000000"

// VDSM's domainType of ConnectStorageServer.
const (
	TypeNFS       = 1
	TypeFC        = 2
	TypeISCSI     = 3
	TypePosix     = 6
	TypeGlusterFS = 7
)

// VolumeID names a volume. Pool is as a rule BlankPool.
type VolumeID struct{ Pool, Domain, Image, Volume string }

func (v VolumeID) params() map[string]any {
	return map[string]any{
		"storagepoolID": v.Pool, "storagedomainID": v.Domain, "imageID": v.Image, "volumeID": v.Volume,
	}
}

// DomainInfo is what StorageDomain.getInfo says, as far as Holdfast uses it.
type DomainInfo struct {
	BlockSize  Text     `json:"block_size"` // 512 or 4096 bytes; "" from a VDSM before 4.3: 512
	Alignment  Text     `json:"alignment"`  // bytes of one host's place in the lockspace; "" means 1 MiB
	RemotePath Text     `json:"remotePath"` // file domains: server:/path
	Type       Text     `json:"type"`
	Role       Text     `json:"role"`
	Pool       []string `json:"pool"`
}

// DomainSpace is what StorageDomain.getStats says: bytes, as texts.
type DomainSpace struct {
	DiskTotal Text `json:"disktotal"`
	DiskFree  Text `json:"diskfree"`
}

// VolumeInfo is what Volume.getInfo says, as far as Holdfast uses it.
type VolumeInfo struct {
	Description  Text `json:"description"` // an OVF_STORE's is JSON
	DiskType     Text `json:"disktype"`
	Format       Text `json:"format"`
	Legality     Text `json:"legality"`
	Capacity     Text `json:"capacity"`     // bytes
	ApparentSize Text `json:"apparentsize"` // bytes
	CTime        Text `json:"ctime"`        // seconds since 1970
}

// Connection is one way to a storage server, as ConnectStorageServer wants it; empty members are left out. Password
// is never shown by fmt or the log.
type Connection struct {
	ID              string `json:"id"`
	Connection      string `json:"connection"` // server:/path, or a portal's address
	User            string `json:"user,omitempty"`
	Password        Hidden `json:"password,omitempty"`
	ProtocolVersion string `json:"protocol_version,omitempty"` // NFS: auto, 3, 4, 4.1, ...
	VFSType         string `json:"vfs_type,omitempty"`
	MountOptions    string `json:"mnt_options,omitempty"`
	IQN             string `json:"iqn,omitempty"`
	Tpgt            string `json:"tpgt,omitempty"`
	Port            string `json:"port,omitempty"`
	IfaceName       string `json:"ifaceName,omitempty"`
	NetIfaceName    string `json:"netIfaceName,omitempty"`
}

// Hidden is a text that goes to VDSM as it is and to nobody else.
type Hidden string

// String returns asterisks.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return "***"
}

// GoString returns asterisks.
func (h Hidden) GoString() string { return h.String() }

// ConnectionStatus is how one of the connections went: Status 0 is good, anything else VDSM's code.
type ConnectionStatus struct {
	ID     string `json:"id"`
	Status int    `json:"status"`
}

// ImagePrepare makes a volume ready and returns its path on this host.
func (c *Client) ImagePrepare(ctx context.Context, volume VolumeID) (path string, err error) {
	const op = "Image.prepare"
	var got struct {
		Path Text `json:"path"`
	}
	if err := c.Call(ctx, op, volume.params(), &got); err != nil {
		return "", err
	}
	if got.Path == "" {
		return "", c.failed(op, KindProtocol, errors.New("the result has no path"))
	}
	return string(got.Path), nil
}

// DomainGetInfo returns what does not change about a storage domain.
func (c *Client) DomainGetInfo(ctx context.Context, domain string) (DomainInfo, error) {
	return call[DomainInfo](ctx, c, "StorageDomain.getInfo", map[string]any{"storagedomainID": domain})
}

// DomainGetStats returns a storage domain's space. VDSM refreshes what it knows of the domain as it answers.
func (c *Client) DomainGetStats(ctx context.Context, domain string) (DomainSpace, error) {
	return call[DomainSpace](ctx, c, "StorageDomain.getStats", map[string]any{"storagedomainID": domain})
}

// GetImages returns the ids of a domain's images.
func (c *Client) GetImages(ctx context.Context, domain string) ([]string, error) {
	return call[[]string](ctx, c, "StorageDomain.getImages", map[string]any{"storagedomainID": domain})
}

// GetVolumes returns the ids of an image's volumes.
func (c *Client) GetVolumes(ctx context.Context, domain, pool, image string) ([]string, error) {
	return call[[]string](ctx, c, "StorageDomain.getVolumes",
		map[string]any{"storagedomainID": domain, "storagepoolID": pool, "imageID": image})
}

// VolumeGetInfo returns what VDSM knows of a volume.
func (c *Client) VolumeGetInfo(ctx context.Context, volume VolumeID) (VolumeInfo, error) {
	return call[VolumeInfo](ctx, c, "Volume.getInfo", volume.params())
}

// ConnectStorageServer mounts, or logs in. The answer has one status for each connection; nil error does not mean that
// any of them is good.
func (c *Client) ConnectStorageServer(ctx context.Context, pool string, domainType int, to []Connection) ([]ConnectionStatus, error) {
	return c.storageServer(ctx, "StoragePool.connectStorageServer", pool, domainType, to)
}

// DisconnectStorageServer undoes that.
func (c *Client) DisconnectStorageServer(ctx context.Context, pool string, domainType int, from []Connection) ([]ConnectionStatus, error) {
	return c.storageServer(ctx, "StoragePool.disconnectStorageServer", pool, domainType, from)
}

func (c *Client) storageServer(ctx context.Context, op, pool string, domainType int, to []Connection) ([]ConnectionStatus, error) {
	if to == nil {
		to = []Connection{}
	}
	return call[[]ConnectionStatus](ctx, c, op, map[string]any{"storagepoolID": pool, "domainType": domainType, "connectionParams": to})
}
