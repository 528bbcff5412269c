package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// The crowd is the largest cluster that a whiteboard can hold.
const (
	crowdHosts = whiteboard.MaxHostID
	crowdCalls = 60
	crowdFor   = 20 * time.Second // two passes of the reader at production's period
	ticksASec  = 100              // USER_HZ of Linux on all machines that Go runs on
)

// Crowd measures a broker with a record in every segment at production's own periods: how long its largest answers take, what a
// pass reads, what it costs in processor time and memory. It runs without an agent.
func Crowd(ctx context.Context, bin, dir string) ([]Figure, error) {
	d := &daemons{dir: dir, whiteboard: filepath.Join(dir, "whiteboard.img")}
	if err := fill(d.whiteboard, crowdHosts); err != nil {
		return nil, err
	}
	socket, conf := filepath.Join(dir, "broker.sock"), filepath.Join(dir, "holdfast.conf")
	text := fmt.Sprintf("host_id = %d\nrun_dir = %s\nstate_dir = %s\nbroker_socket = %s\nwhiteboard_path = %s\n", hostID, dir, dir, socket, d.whiteboard)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	d.link = brokerlink.New(socket, 15*time.Second)
	var err error
	if d.broker, err = launch(dir, filepath.Join(bin, "holdfast-broker"), conf); err != nil {
		return nil, err
	}
	if err := d.ready(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	figures, err := d.crowd(ctx, socket)
	return figures, errors.Join(err, d.stop())
}

func (d *daemons) crowd(ctx context.Context, socket string) ([]Figure, error) {
	var all []Figure
	for _, call := range []struct {
		method string
		packed bool
	}{{"get_stats", false}, {"get_stats", true}, {"get_view", true}, {"get_lanes", false}, {"is_host_alive", false}} {
		figures, err := timed(ctx, socket, call.method, call.packed)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	pid := d.broker.Process.Pid
	readBefore, err := readBytes(pid)
	if err != nil {
		return nil, err
	}
	cpuBefore, err := processorTime(pid)
	if err != nil {
		return nil, err
	}
	// What a host does to its broker: VDSM asks for the statistics, the agent asks for the view and publishes.
	calls := 0
	for began := time.Now(); time.Since(began) < crowdFor; calls++ {
		if _, err := timedOnce(ctx, socket, "get_stats", true); err != nil {
			return nil, err
		}
		if calls%5 == 0 {
			if _, err := timedOnce(ctx, socket, "get_view", true); err != nil {
				return nil, err
			}
		}
		time.Sleep(time.Second)
	}
	readAfter, err := readBytes(pid)
	if err != nil {
		return nil, err
	}
	cpuAfter, err := processorTime(pid)
	if err != nil {
		return nil, err
	}
	rss, _, err := status(pid)
	if err != nil {
		return nil, err
	}
	name := func(what string) string { return fmt.Sprintf("%d hosts: %s", crowdHosts, what) }
	return append(all,
		Figure{Name: name("bytes read a pass"), Value: (readAfter - readBefore) / (crowdFor.Seconds() / 10), Unit: "bytes", Note: "a pass each 10 s"},
		Figure{
			Name: name("processor time"), Value: 100 * (cpuAfter - cpuBefore) / crowdFor.Seconds(), Unit: "% of one core",
			Note: "get_stats each second, get_view each 5 s",
		},
		Figure{Name: name("broker RSS"), Value: rss / 1024, Unit: "MiB"}), nil
}

func timed(ctx context.Context, socket, method string, packed bool) ([]Figure, error) {
	var all []float64
	size := 0
	for range crowdCalls {
		began := time.Now()
		n, err := timedOnce(ctx, socket, method, packed)
		if err != nil {
			return nil, err
		}
		all, size = append(all, ms(began)), n
	}
	slices.Sort(all)
	name := fmt.Sprintf("%d hosts: %s", crowdHosts, method)
	if packed {
		name += " (gzip)"
	}
	note := fmt.Sprintf("%d bytes on the wire", size)
	return []Figure{
		{Name: name + " p50", Value: all[len(all)/2], Unit: "ms", Note: note},
		{Name: name + " max", Value: all[len(all)-1], Unit: "ms", Note: note},
	}, nil
}

// timedOnce is one call as upstream's client makes it, a connection of its own; the answer is read and not decoded, so that the broker is
// measured and not this client. It returns the answer's size on the wire.
func timedOnce(ctx context.Context, socket, method string, packed bool) (int, error) {
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	body := "<?xml version='1.0'?><methodCall><methodName>" + method + "</methodName><params></params></methodCall>"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://broker/RPC2", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "text/xml")
	if packed {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || bytes.Contains(text, []byte("faultCode"))) {
		err = fmt.Errorf("%s: status %d", method, answer.StatusCode)
	}
	return len(text), err
}

// processorTime is what a process has used so far, in seconds.
func processorTime(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("look at a daemon: %w", err)
	}
	_, rest, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %w", pid, syscall.EBADMSG)
	}
	var user, system float64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return (user + system) / ticksASec, nil
}
