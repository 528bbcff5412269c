package storage

import "context"

// VDSM is what the drivers ask of VDSM.
type VDSM interface {
	// ConnectServer is StoragePool.connectStorageServer, DisconnectServer its opposite: pool, VDSM's number of the storage's type
	// (1 nfs, 2 fc, 3 iscsi, 6 posix, 7 glusterfs), and the connections' parameters. It returns each connection's status, 0 = good.
	ConnectServer(ctx context.Context, pool string, kind int, connections []map[string]string) ([]int, error)
	DisconnectServer(ctx context.Context, pool string, kind int, connections []map[string]string) ([]int, error)
	// DomainInfo is StorageDomain.getInfo.
	DomainInfo(ctx context.Context, domain string) (DomainInfo, error)
	// RefreshDomain is StorageDomain.getStats, whose side effect is that VDSM looks for the domain anew.
	RefreshDomain(ctx context.Context, domain string) error
	// PrepareImage is Image.prepare; it returns the volume's path.
	PrepareImage(ctx context.Context, pool, domain, image, volume string) (path string, err error)
}

// DomainInfo is what VDSM tells of a storage domain.
type DomainInfo struct {
	// BlockSize is the sector size in bytes, 512 or 4096; 0 if VDSM does not say.
	BlockSize int
	// RemotePath is the connection as VDSM spells it, on file domains.
	RemotePath string
}

type vdsmDriver struct{ *host }

func newVDSM(*host, VDSM) (Driver, error) {
	return nil, settingsError("storage_prepare", "vdsm is not there yet")
}
