package storage

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

const iscsiPort = "3260"

// iscsiPath is one way to a target: a portal, reached through an interface.
type iscsiPath struct {
	IQN, Address, Port, Tpgt string
	User                     string
	Password                 config.Secret
	Iface, NetIface          string // empty: the default interface
}

// portal is ADDRESS:PORT, an IPv6 address in brackets.
func (p iscsiPath) portal() string { return net.JoinHostPort(strings.Trim(p.Address, "[]"), p.Port) }

// String names the path for people; it has no secret.
func (p iscsiPath) String() string {
	if p.Iface == "" {
		return p.IQN + " at " + p.portal()
	}
	return p.IQN + " at " + p.portal() + " through " + p.Iface
}

// GoString keeps the password out of what is printed by accident.
func (p iscsiPath) GoString() string { return p.String() }

// iscsi is a target and its portals.
type iscsi struct {
	h       *host
	portals []iscsiPath
}

func newISCSI(h *host) (iscsi, error) {
	portals, err := parsePortals(h.Settings)
	return iscsi{h: h, portals: portals}, err
}

// parsePortals pairs the addresses with the ports and the other lists, as upstream does: with one target, its portal group, user and
// password are for all portals; with a list of targets all of these are lists.
func parsePortals(s Settings) ([]iscsiPath, error) {
	if s.Connection == "" {
		return nil, settingsError("storage_connection", "is empty, and the driver %s needs the target's portals", s.Driver)
	}
	if s.IQN == "" {
		return nil, settingsError("iscsi_target", "is empty, and the driver %s needs it", s.Driver)
	}
	addresses := strings.Split(s.Connection, ",")
	ports, err := spread("iscsi_port", s.Port, len(addresses), true)
	if err != nil {
		return nil, err
	}
	isList := strings.Contains(s.IQN, ",")
	lists := make([][]string, 4)
	for i, l := range []struct{ key, value string }{
		{"iscsi_target", s.IQN}, {"iscsi_portal_group", s.Tpgt}, {"iscsi_user", s.User}, {"iscsi_password", s.Password.Reveal()},
	} {
		if lists[i], err = spread(l.key, l.value, len(addresses), isList); err != nil {
			return nil, err
		}
	}
	var paths []iscsiPath
	for i, address := range addresses {
		p := iscsiPath{IQN: lists[0][i], Port: ports[i], Tpgt: lists[1][i], User: lists[2][i], Password: config.Secret(lists[3][i])}
		if err := p.setAddress(address); err != nil {
			return nil, err
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// spread makes a list of n values: as many as there are, or one for all. The error does not repeat the value, which may be a secret.
func spread(key, value string, n int, isList bool) ([]string, error) {
	if value == "" || !isList {
		return slices.Repeat([]string{value}, n), nil
	}
	list := strings.Split(value, ",")
	if len(list) == 1 {
		return slices.Repeat(list, n), nil
	}
	if len(list) != n {
		return nil, settingsError(key, "has %d values for %d portals in storage_connection: want as many, or one", len(list), n)
	}
	return list, nil
}

// setAddress takes IP or IP:PORT; a port there wins over the list of ports.
func (p *iscsiPath) setAddress(text string) error {
	p.Address = text
	if net.ParseIP(strings.Trim(text, "[]")) == nil {
		if host, port, err := net.SplitHostPort(text); err == nil {
			p.Address, p.Port = host, port
		}
	}
	p.Address = strings.Trim(p.Address, "[]")
	if p.Address == "" || strings.ContainsAny(p.Address, "/ ,") || strings.HasPrefix(p.Address, "-") {
		return settingsError("storage_connection", "%q is no portal: want IP or IP:PORT", text)
	}
	if p.Port == "" {
		p.Port = iscsiPort
	}
	if n, err := strconv.Atoi(p.Port); err != nil || n < 1 || n > 65535 {
		return settingsError("iscsi_port", "%q is no port: want 1 to 65535", p.Port)
	}
	return nil
}

func (p iscsiPath) check() error {
	if err := checkName("iscsi_target", p.IQN); err != nil || p.IQN == "" {
		return settingsError("iscsi_target", "%q is no target's name", p.IQN)
	}
	if p.Tpgt != "" {
		if n, err := strconv.Atoi(p.Tpgt); err != nil || n < 0 || n > 65535 {
			return settingsError("iscsi_portal_group", "%q is no portal group: want a number", p.Tpgt)
		}
	}
	for _, secret := range []struct{ key, value string }{{"iscsi_user", p.User}, {"iscsi_password", p.Password.Reveal()}} {
		if strings.ContainsFunc(secret.value, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.TrimSpace(secret.value) != secret.value {
			return settingsError(secret.key, "contains control characters, or blanks at its ends")
		}
	}
	if p.Password != "" && p.User == "" {
		return settingsError("iscsi_user", "is empty, and there is a password")
	}
	return nil
}

// paths are the portals through every usable interface, without those on the blacklist.
func (i iscsi) paths(ctx context.Context) ([]iscsiPath, error) {
	out, err := i.h.program(ctx, "iscsiadm", "--mode", "iface")
	if err != nil {
		return nil, i.h.errorOf("list the iSCSI interfaces", "", KindProgram, err)
	}
	ifaces := parseIfaces(out)
	if len(ifaces) == 0 {
		ifaces = []iscsiIface{{}}
	}
	banned := strings.Split(i.h.ISCSIBlacklist, ",")
	var paths []iscsiPath
	for _, portal := range i.portals {
		for _, iface := range ifaces {
			p := portal
			p.Iface, p.NetIface = iface.Name, iface.NetIface
			if !slices.ContainsFunc(banned, p.isBanned) {
				paths = append(paths, p)
			}
		}
	}
	if len(paths) == 0 {
		return nil, settingsError("iscsi_paths_blacklist", "%q leaves no path to the target", i.h.ISCSIBlacklist)
	}
	return paths, nil
}

// isBanned says whether IFACE<>PORTAL means this path. A portal on the list may come without its port.
func (p iscsiPath) isBanned(entry string) bool {
	iface, portal, ok := strings.Cut(strings.TrimSpace(entry), "<>")
	return ok && (iface == p.Iface || iface == p.NetIface || iface == "default" && p.Iface == "") &&
		(portal == p.Address || portal == p.portal() || portal == p.Address+":"+p.Port)
}

// iscsiIface is a configured interface of the initiator.
type iscsiIface struct{ Name, NetIface string }

// parseIfaces reads lines of NAME TRANSPORT,MAC,IP,NETIFACE,INITIATOR and keeps those that are bound to a network interface and use TCP.
func parseIfaces(text string) []iscsiIface {
	var ifaces []iscsiIface
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		fields := strings.Split(rest, ",")
		if !ok || len(fields) < 4 || fields[0] != "tcp" || name == "default" || name == "iser" || strings.HasPrefix(name, "-") {
			continue
		}
		if net := fields[3]; net != "" && net != "<empty>" {
			ifaces = append(ifaces, iscsiIface{Name: name, NetIface: net})
		}
	}
	return ifaces
}
