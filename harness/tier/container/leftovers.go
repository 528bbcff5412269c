package container

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"
)

// Leftovers lists what is left of a run ("" = of any run) in the engine and on this machine: containers, networks, socket
// directories, mounts. Nothing left gives an empty list. [Cluster.Leftovers] also knows the run's processes.
func Leftovers(ctx context.Context, runID string) ([]string, error) {
	docker, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	defer docker.Close()
	label, dirs := LabelRun, SockDirs
	if runID != "" {
		label, dirs = LabelRun+"="+runID, sockDirOf(runID)
	}
	var left []string
	filter := client.Filters{}.Add("label", label)
	containers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	for _, c := range containers.Items {
		left = append(left, fmt.Sprintf("container %s %v", c.ID[:12], c.Names))
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	for _, n := range networks.Items {
		left = append(left, "network "+n.Name)
	}
	found, err := filepath.Glob(dirs)
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	for _, d := range found {
		left = append(left, "socket directory "+d)
	}
	mounts, err := mountsWith(strings.TrimSuffix(dirs, "*"))
	return append(left, mounts...), err
}

// Leftovers lists what is left of this cluster: what [Leftovers] finds, mounts of its containers, and processes that belong to them.
// It works after [Cluster.Down] and after [Open] on the directory of a run that was removed.
func (c *Cluster) Leftovers(ctx context.Context) ([]string, error) {
	left, err := Leftovers(ctx, c.RunID)
	if err != nil {
		return nil, err
	}
	ids := []string{c.Storage.ContainerID}
	for _, h := range c.Hosts {
		ids = append(ids, h.ContainerID)
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		mounts, err := mountsWith(id)
		if err != nil {
			return nil, err
		}
		left = append(left, mounts...)
		left = append(left, processesOf(id)...)
	}
	return left, nil
}

// mountsWith lists the lines of this process's mountinfo that hold the text.
func mountsWith(text string) ([]string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("leftovers: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, text) {
			found = append(found, "mount "+strings.TrimSpace(line))
		}
	}
	return found, nil
}

// processesOf lists the processes whose control group is the container's.
func processesOf(containerID string) []string {
	paths, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return nil
	}
	var found []string
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil || !strings.Contains(string(b), containerID) {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(filepath.Dir(p), "comm")) // it may just have ended
		found = append(found, fmt.Sprintf("process %s (%s)", filepath.Base(filepath.Dir(p)), strings.TrimSpace(string(comm))))
	}
	return found
}
