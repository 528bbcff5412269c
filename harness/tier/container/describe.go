package container

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/harness/attendant"
)

// describe fills in names, addresses and paths.
func (b *builder) describe(subnet netip.Prefix) {
	c := b.c
	base := subnet.Addr().As4()
	address := func(last byte) string { base[3] = last; return netip.AddrFrom4(base).String() }
	s := &Storage{
		Kind: c.Kind, Name: "storage", Address: address(10), Port: nfsPort, Export: exportPath,
		Dir: filepath.Join(c.RunDir, "storage"), SockDir: filepath.Join(c.SockDir, "storage"), Volumes: map[string]string{}, cluster: c,
	}
	if c.Kind.Block() {
		s.Port, s.Export, s.Target = iscsiPort, "", targetName
	}
	for _, name := range c.volumeNames() {
		s.Volumes[name] = filepath.Join(s.Dir, "volumes", name+".img")
	}
	c.Storage = s
	for id := 1; id <= b.o.Hosts; id++ {
		name := hostName(id)
		h := &Host{
			Name: name, ID: id, Address: address(byte(10 + id)),
			Dir: filepath.Join(c.RunDir, "hosts", name), SockDir: filepath.Join(c.SockDir, name), cluster: c,
		}
		h.connect()
		c.Hosts = append(c.Hosts, h)
	}
	s.connect() // after the hosts: each has an export of its own
}

// connect fills in what follows from a container's place and name.
func (s *Storage) connect() {
	s.FaultSocket = filepath.Join(s.SockDir, "faultfs.sock")
	s.Attendant = attendant.NewClient(filepath.Join(s.SockDir, "attendant.sock"))
	s.specs = s.programs()
}

func (h *Host) connect() {
	h.BrokerSocket = filepath.Join(h.SockDir, "broker.sock")
	h.Attendant = attendant.NewClient(filepath.Join(h.SockDir, "attendant.sock"))
	h.specs = h.programs(h.cluster.Storage)
}

func (b *builder) configure(ctx context.Context) error {
	if err := b.c.Storage.writeConf(); err != nil {
		return fmt.Errorf("storage: configuration: %w", err)
	}
	if err := b.c.writeConfiguration(ctx); err != nil {
		return err
	}
	for _, h := range b.c.Hosts {
		files := map[string]string{filepath.Join(h.Dir, confFile): holdfastConf(b.o, h.Name, h.ID)}
		if b.c.SMTP {
			state := filepath.Join(h.SockDir, stateDir)
			files[filepath.Join(state, brokerConf)] = brokerConfText
			files[filepath.Join(state, "state_transition.txt")] = mailTemplate
		}
		for _, path := range sortedKeys(files) {
			if err := os.WriteFile(path, []byte(files[path]), 0o644); err != nil {
				return fmt.Errorf("%s: configuration: %w", h.Name, err)
			}
		}
	}
	return nil
}
