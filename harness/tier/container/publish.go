package container

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-ha/holdfast/daemons/ovf/archive"
	"github.com/holdfast-ha/holdfast/fixtures/ovf"
)

// OVFSpec is what [Cluster.PublishOVF] writes into one of the two OVF_STOREs.
type OVFSpec struct {
	// Memory of the engine VM in MiB; 0 means 4096.
	Memory int
	// Updated is what the store's description says of itself: false marks a store that the engine did not finish.
	Updated bool
	// When is the time of the last update in the description; the zero time means now.
	When time.Time
	// Torn leaves out the second half of the archive.
	Torn bool
}

// PublishOVF writes the engine's OVF into a store (1 or 2) as the engine does: the description says that an update is under way, then
// the archive, straight at the server's backing file, then the description says what the spec says. The description stands beside
// each host's path of the volume, as VDSM keeps it beside a volume's. A fresh cluster has nothing in its stores.
func (c *Cluster) PublishOVF(ctx context.Context, store int, spec OVFSpec) error {
	if !c.OVF || store < 1 || store > 2 {
		return fmt.Errorf("publish OVF into store %d: want store 1 or 2 of a cluster with ovf=yes", store)
	}
	volume := []string{OVF1, OVF2}[store-1]
	when := spec.When
	if when.IsZero() {
		when = time.Now()
	}
	made := ovf.Spec{VMUUID: EngineVM, Domain: DomainUUID, MemoryMiB: spec.Memory, Updated: spec.Updated, When: when.UTC(), Torn: spec.Torn}
	begun := made
	begun.Updated = false
	if err := c.describe(ctx, volume, begun); err != nil {
		return err
	}
	if err := c.WriteVolume(ctx, volume, 0, ovf.Store(made)); err != nil {
		return err
	}
	return c.describe(ctx, volume, made)
}

// describe writes the description of a store on every host, each in one step.
func (c *Cluster) describe(ctx context.Context, volume string, spec ovf.Spec) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, h := range c.Hosts {
		g.Go(func() error {
			out, err := h.Attendant.RunInput(ctx, string(ovf.Metadata(spec)), nil, "sh", "-ec", `cat > "$0.new"; mv "$0.new" "$0"`, inStorage(volume)+".meta")
			if err == nil && out.Code != 0 {
				err = fmt.Errorf("exit code %d: %s", out.Code, out.Stderr)
			}
			if err != nil {
				return fmt.Errorf("%s: description of %s: %w", h.Name, volume, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// writeConfiguration puts a valid archive into the shared configuration volume, before any host is up.
func (c *Cluster) writeConfiguration(ctx context.Context) error {
	if !c.OVF {
		return nil
	}
	conf := "# Shared by the hosts of test cluster " + c.RunID + ".\n"
	data, err := archive.Encode(archive.Files{
		archive.Version: []byte("2.5.0\n"), archive.Answers: []byte("[environment:default]\nOVEHOSTED_CORE/deployProceed=bool:True\n"),
		archive.HostedConf: []byte(conf + "vmid=" + EngineVM + "\nsdUUID=" + DomainUUID + "\n"), archive.BrokerConf: []byte(brokerConfText),
		archive.VMConf: []byte(fallbackVMConf),
	}, time.Now())
	if err != nil {
		return fmt.Errorf("volume %s: %w", Configuration, err)
	}
	return c.WriteVolume(ctx, Configuration, 0, data)
}

// fallbackVMConf is the archive's own idea of the engine VM, for hosts that find no OVF.
const fallbackVMConf = "vmId=" + EngineVM + "\nmemSize=2048\nvmName=HostedEngine\ndisplay=vnc\nsmp=2\n"

// VMConf is the engine VM's definition as the host's broker keeps it, as seen from outside.
func (h *Host) VMConf() string { return filepath.Join(h.SockDir, "vm.conf") }
