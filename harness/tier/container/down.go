package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"
	apimount "github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/fixtures/images"
)

// How long the parts of a teardown may take. What is blocked on storage is freed by the first two, so the others are short.
const (
	healWithin   = 3 * time.Second
	agentGrace   = 1500 * time.Millisecond // it publishes that it stops, and gives the host id back
	brokerGrace  = 300 * time.Millisecond  // it would wait for sanlock to leave the lockspace, which nobody needs any more
	removeWithin = 15 * time.Second
)

// Down takes the cluster down: it clears the faults, thaws the server, lifts packet filters, ends the daemons, and only then
// removes containers, network and sockets. Logs and volumes in the run directory stay. It may be called more than once and
// after a failed [Up]; the error lists what could not be removed.
func (c *Cluster) Down(ctx context.Context) error {
	began := time.Now()
	c.heal(ctx)
	c.note(Step{Name: "heal", Began: began.Sub(c.began), Took: time.Since(began)})
	daemons := time.Now()
	c.endDaemons(ctx)
	c.note(Step{Name: "end-daemons", Began: daemons.Sub(c.began), Took: time.Since(daemons)})
	removal := time.Now()
	err := removeRun(ctx, c.docker, c.RunID, c.SockDir)
	c.note(Step{Name: "remove", Began: removal.Sub(c.began), Took: time.Since(removal)})
	c.note(Step{Name: "down", Began: began.Sub(c.began), Took: time.Since(began)})
	return errors.Join(err, c.docker.Close())
}

// heal ends every fault that may be in effect. It is best effort: what it cannot reach is about to be removed.
func (c *Cluster) heal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	if c.Storage == nil || c.Storage.ContainerID == "" {
		return
	}
	if paused, err := c.Storage.Paused(ctx); err == nil && paused {
		_ = c.Storage.Unpause(ctx) // the removal below tries again and reports
	}
	clearFaults(ctx, c.Storage.FaultSocket)
	c.eachHost(func(h *Host) {
		// The namespace is this cluster's own, so every rule in it is too.
		_, _ = h.Attendant.Run(ctx, "nft", "flush", "ruleset")
		h.thaw(ctx)
	})
}

// thaw lets stopped programs go on, which could not end otherwise, and takes a dead mount away.
func (h *Host) thaw(ctx context.Context) {
	_ = deadMachine{h}.Stop(ctx)
	list, err := h.Attendant.List(ctx)
	if err != nil {
		return
	}
	for _, p := range list {
		if p.Running {
			_ = h.Attendant.Signal(ctx, p.Name, syscall.SIGCONT) // it may just have ended
		}
	}
}

// clearFaults frees whatever the fault file system holds; nothing is to be freed where it does not answer.
func clearFaults(ctx context.Context, socket string) {
	if _, err := os.Stat(socket); err == nil {
		_, _ = faultfs.Client{Socket: socket, Timeout: time.Second}.ClearAll(ctx)
	}
}

// endDaemons lets agents, then probes and brokers end in order, so that their last log lines are written.
func (c *Cluster) endDaemons(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*(agentGrace+brokerGrace))
	defer cancel()
	// What does not end is killed with its container.
	c.eachHost(func(h *Host) {
		var first sync.WaitGroup
		first.Go(func() { _ = h.Stop(ctx, Probe, agentGrace) })
		first.Go(func() { _ = h.Stop(ctx, Agent, agentGrace) })
		first.Wait()
		_ = h.Stop(ctx, Broker, brokerGrace)
	})
}

func (c *Cluster) eachHost(f func(*Host)) {
	var under sync.WaitGroup
	for _, h := range c.Hosts {
		if h.ContainerID != "" {
			under.Go(func() { f(h) })
		}
	}
	under.Wait()
}

// removeRun removes a run's containers, networks and socket directory, and lists what is left.
func removeRun(ctx context.Context, docker *client.Client, runID, sockDir string) error {
	ctx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	filter := client.Filters{}.Add("label", LabelRun+"="+runID)
	var problems problemList
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return fmt.Errorf("remove run %s: %w", runID, err)
	}
	var under sync.WaitGroup
	for _, item := range list.Items {
		under.Go(func() {
			if item.State == "paused" {
				_, _ = docker.ContainerUnpause(ctx, item.ID, client.ContainerUnpauseOptions{}) // else the engine refuses to kill it
			}
			_, err := docker.ContainerRemove(ctx, item.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) { // conflict: another removal is under way
				problems.add(fmt.Errorf("container %s (%s): %w", item.ID[:12], item.Labels[LabelRun], err))
			}
		})
	}
	under.Wait()
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		problems.add(err)
	}
	for _, n := range networks.Items {
		if err := removeNetwork(ctx, docker, n.ID); err != nil {
			problems.add(fmt.Errorf("network %s: %w", n.Name, err))
		}
	}
	if err := removeSockDir(ctx, docker, sockDir); err != nil {
		problems.add(err)
	}
	if err := problems.join(); err != nil {
		return fmt.Errorf("remove run %s; not removed: %w", runID, err)
	}
	return nil
}

// removeNetwork tries for a while: the engine detaches the endpoints of killed containers a little later.
func removeNetwork(ctx context.Context, docker *client.Client, id string) error {
	for {
		_, err := docker.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// removeSockDir removes the directory of sockets, and refuses to touch anything that does not look like one. sanlock makes its
// directory root's own, so where the harness is not root a container does it.
func removeSockDir(ctx context.Context, docker *client.Client, dir string) error {
	if dir == "" {
		return nil
	}
	if ok, err := filepath.Match(SockDirs, dir); err != nil || !ok {
		return fmt.Errorf("socket directory %q: not one of the harness's; left alone", dir)
	}
	err := os.RemoveAll(dir)
	if errors.Is(err, os.ErrPermission) {
		if err = emptyAsRoot(ctx, docker, dir); err == nil {
			err = os.RemoveAll(dir)
		}
	}
	if err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	return nil
}

// emptyAsRoot removes what is in a directory, from a container.
func emptyAsRoot(ctx context.Context, docker *client.Client, dir string) error {
	made, err := docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &apicontainer.Config{
			Image: images.Tag, Entrypoint: []string{"sh", "-c", "rm -rf /emptied/*"},
			Labels: map[string]string{LabelRun: "cleaner", LabelSockDir: ""},
		},
		HostConfig: &apicontainer.HostConfig{NetworkMode: "none", Mounts: []apimount.Mount{bind(dir, "/emptied", false)}},
	})
	if err != nil {
		return err
	}
	defer func() {
		_, _ = docker.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true}) // `holdfast gc` finds it
	}()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	wait := docker.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: apicontainer.WaitConditionNextExit})
	if _, err := docker.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		return err
	}
}

type problemList struct {
	mu   sync.Mutex
	list []error
}

func (p *problemList) add(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, err)
}

func (p *problemList) join() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.list...)
}
