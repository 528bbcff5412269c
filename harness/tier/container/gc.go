package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
)

// Removed says what [GC] did. The lists are sorted.
type Removed struct {
	Runs                       []string // run ids of dead harness processes whose remains are gone
	Containers, Networks, Dirs []string // names
	Kept                       []string // run ids of harness processes that live
}

// ownerFile stands in the socket directory and holds the labels of the run, for remains without any container.
const ownerFile = "owner.json"

func writeOwner(sockDir string, labels map[string]string) error {
	b, err := json.Marshal(labels)
	if err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(sockDir, ownerFile), b, 0o644); err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	return nil
}

// remains is what is found of one run.
type remains struct {
	labels                     map[string]string
	containers, networks, dirs []string
}

// GC removes the containers, networks and socket directories of runs whose harness process is gone: ended, or its process id
// used again by another. Runs of living processes are left alone. It heals before it kills.
func GC(ctx context.Context) (Removed, error) {
	docker, err := dial(ctx)
	if err != nil {
		return Removed{}, fmt.Errorf("gc: %w", err)
	}
	defer docker.Close()
	runs, err := findRuns(ctx, docker)
	if err != nil {
		return Removed{}, fmt.Errorf("gc: %w", err)
	}
	var done Removed
	var problems problemList
	for _, id := range sortedKeys(runs) {
		r := runs[id]
		if ownerLives(r.labels) {
			done.Kept = append(done.Kept, id)
			continue
		}
		sockDir := r.labels[LabelSockDir]
		healRun(ctx, docker, id, sockDir)
		if err := removeRun(ctx, docker, id, sockDir); err != nil {
			problems.add(err)
			continue
		}
		done.Runs = append(done.Runs, id)
		done.Containers = append(done.Containers, r.containers...)
		done.Networks = append(done.Networks, r.networks...)
		done.Dirs = append(done.Dirs, r.dirs...)
	}
	return done, problems.join()
}

// healRun frees what a run's processes may be blocked on.
func healRun(ctx context.Context, docker *client.Client, runID, sockDir string) {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	filter := client.Filters{}.Add("label", LabelRun+"="+runID).Add("status", "paused")
	if list, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter}); err == nil {
		for _, item := range list.Items {
			_, _ = docker.ContainerUnpause(ctx, item.ID, client.ContainerUnpauseOptions{}) // the removal tries again and reports
		}
	}
	clearFaults(ctx, filepath.Join(sockDir, "storage", "faultfs.sock"))
}

// findRuns looks for remains by label in the engine and by owner file in /tmp.
func findRuns(ctx context.Context, docker *client.Client) (map[string]*remains, error) {
	runs := map[string]*remains{}
	of := func(labels map[string]string) *remains {
		id := labels[LabelRun]
		if runs[id] == nil {
			runs[id] = &remains{labels: labels}
		}
		return runs[id]
	}
	filter := client.Filters{}.Add("label", LabelRun)
	containers, err := docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, err
	}
	for _, item := range containers.Items {
		r := of(item.Labels)
		r.containers = append(r.containers, strings.TrimPrefix(strings.Join(item.Names, ","), "/"))
	}
	networks, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return nil, err
	}
	for _, n := range networks.Items {
		r := of(n.Labels)
		r.networks = append(r.networks, n.Name)
	}
	dirs, err := filepath.Glob(filepath.Join(SockDirs, ownerFile))
	if err != nil {
		return nil, err
	}
	for _, path := range dirs {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // another user's, or just removed
		}
		labels := map[string]string{}
		if json.Unmarshal(b, &labels) == nil && labels[LabelSockDir] == filepath.Dir(path) && labels[LabelRun] != "" {
			r := of(labels)
			r.dirs = append(r.dirs, filepath.Dir(path))
		}
	}
	return runs, nil
}

// ownerLives reports whether the very process that made the run still exists.
func ownerLives(labels map[string]string) bool {
	pid, err := strconv.Atoi(labels[LabelPID])
	if err != nil || pid <= 0 {
		return false
	}
	start, err := processStart(pid)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	return start == labels[LabelPIDStart]
}

// Runs lists the run ids of which something exists: containers, networks, socket directories.
func Runs(ctx context.Context) ([]string, error) {
	docker, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	defer docker.Close()
	runs, err := findRuns(ctx, docker)
	if err != nil {
		return nil, err
	}
	return sortedKeys(runs), nil
}
