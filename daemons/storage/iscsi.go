package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-ha/holdfast/daemons/child"
)

// Exit codes of iscsiadm.
const (
	iscsiSessionExists = 15
	iscsiNothingThere  = 21
)

// adm runs iscsiadm. No secret is ever among its arguments, and none in what it says.
func (i iscsi) adm(ctx context.Context, argv ...string) (string, error) {
	return i.h.program(ctx, append([]string{"iscsiadm"}, argv...)...)
}

// node is a command about the record of one path.
func (i iscsi) node(ctx context.Context, p iscsiPath, argv ...string) error {
	portal := p.portal()
	if p.Tpgt != "" {
		portal += "," + p.Tpgt
	}
	command := []string{"--mode", "node", "--targetname", p.IQN, "--portal", portal}
	if p.Iface != "" {
		command = append(command, "--interface", p.Iface)
	}
	_, err := i.adm(ctx, append(command, argv...)...)
	return err
}

// exitCode returns what a program ended with, 0 if err is not about that.
func exitCode(err error) int {
	var exit *child.ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 0
}

// login logs in to the target through every path, all at once, as one that is down takes its time. One good path is enough (upstream's
// bug 1543424); the others are noted.
func (i iscsi) login(ctx context.Context) error {
	paths, err := i.paths(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(paths))
	var all sync.WaitGroup
	for n, p := range paths {
		all.Go(func() { errs[n] = i.loginOne(ctx, p) })
	}
	all.Wait()
	good := 0
	for n, err := range errs {
		if err == nil {
			good++
			continue
		}
		i.h.note(fmt.Sprintf("iscsi: path %s is down: %v", paths[n], err))
	}
	if good == 0 {
		return i.h.errorOf("log in", i.h.Connection, KindProgram, fmt.Errorf("none of %d paths: %w", len(paths), errors.Join(errs...)))
	}
	return nil
}

// loginOne makes the path's record, gives it its secrets and logs in.
func (i iscsi) loginOne(ctx context.Context, p iscsiPath) error {
	p, err := i.discover(ctx, p)
	if err != nil {
		return err
	}
	if err := i.node(ctx, p, "--op", "new"); err != nil {
		return err
	}
	// Nobody but the broker logs in, not the system at its start.
	if err := i.node(ctx, p, "--op", "update", "--name", "node.startup", "--value", "manual"); err != nil {
		return err
	}
	if p.User != "" {
		if err := i.setCHAP(p); err != nil {
			return err
		}
	}
	if err := i.node(ctx, p, "--login"); err != nil && exitCode(err) != iscsiSessionExists {
		return err
	}
	return nil
}

// discover asks the portal for its targets and learns the target's portal group there, where the configuration does not name it. A portal
// that offers other targets only is an error. A target may refuse discovery: with a portal group that does no harm.
func (i iscsi) discover(ctx context.Context, p iscsiPath) (iscsiPath, error) {
	command := []string{"--mode", "discovery", "--type", "sendtargets", "--portal", p.portal(), "--op", "nonpersistent"}
	if p.Iface != "" {
		command = append(command, "--interface", p.Iface)
	}
	out, err := i.adm(ctx, command...)
	if err != nil {
		if p.Tpgt != "" && !errors.Is(err, child.ErrDeadline) && ctx.Err() == nil {
			return p, nil
		}
		return p, fmt.Errorf("discovery: %w", err)
	}
	groups := parseDiscovery(out, p.IQN)
	if len(groups) == 0 {
		return p, fmt.Errorf("discovery: the portal does not offer the target %s", p.IQN)
	}
	if p.Tpgt == "" {
		p.Tpgt = groups[0].tpgt
		for _, g := range groups {
			if g.portal == p.portal() {
				p.Tpgt = g.tpgt
			}
		}
	}
	return p, nil
}

type portalGroup struct{ portal, tpgt string }

// parseDiscovery reads lines of PORTAL,GROUP TARGET and returns those of one target.
func parseDiscovery(text, iqn string) []portalGroup {
	var groups []portalGroup
	for line := range strings.Lines(text) {
		where, target, ok := strings.Cut(strings.TrimSpace(line), " ")
		portal, tpgt, hasGroup := strings.Cut(where, ",")
		if ok && hasGroup && strings.TrimSpace(target) == iqn {
			groups = append(groups, portalGroup{portal, tpgt})
		}
	}
	return groups
}

// logout ends the sessions of all paths and forgets them. A path without one is fine.
func (i iscsi) logout(ctx context.Context) error {
	paths, err := i.paths(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range paths {
		err := i.node(ctx, p, "--logout")
		if err != nil && exitCode(err) != iscsiNothingThere {
			errs = append(errs, fmt.Errorf("%s: %w", p, err))
			continue
		}
		// The record holds the password; it is made again at the next login.
		if err := i.node(ctx, p, "--op", "delete"); err != nil && exitCode(err) != iscsiNothingThere {
			i.h.note(fmt.Sprintf("iscsi: the record of path %s stays: %v", p, err))
		}
	}
	return i.h.errorOf("log out", i.h.Connection, KindProgram, errors.Join(errs...))
}

// release makes sure that nobody else uses the target's disks, and takes the multipath maps above them away: they would go on queueing
// for disks that are gone.
func (i iscsi) release(ctx context.Context) error {
	disks, err := i.h.diskNames(i.owns)
	if err != nil {
		return err
	}
	var maps []string
	for _, disk := range disks {
		name, isMap := i.h.multipathOf(disk)
		if isMap && !slices.Contains(maps, name) {
			maps = append(maps, name)
		}
		if err := i.h.unused(disk); err != nil {
			return i.h.errorOf("log out", i.h.Connection, KindInUse, err)
		}
	}
	for _, name := range maps {
		if _, err := i.h.program(ctx, "multipath", "-f", name); err != nil {
			return i.h.errorOf("log out: take away the multipath map", name, KindInUse, err)
		}
	}
	return nil
}

// rescan asks the targets for LUNs that are new.
func (i iscsi) rescan(ctx context.Context) error {
	_, err := i.adm(ctx, "--mode", "session", "--rescan")
	return err
}
