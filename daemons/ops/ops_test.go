package ops_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/ops"
	"github.com/holdfast-ha/holdfast/daemons/ops/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// state is a broker with everything in it, so that no member is left out.
type state struct {
	mu      sync.Mutex
	status  brokerlink.Status
	view    brokerlink.View
	health  brokerlink.Health
	lanes   brokerlink.Lanes
	changed chan struct{}
}

func newState() *state {
	return &state{
		status: brokerlink.Status{
			Version: "1", HostID: 3, Mount: brokerlink.MountView{State: "connected", ReadAge: 1, ReadBytes: 4096, Driver: "nfs nas:/x"},
			Domain: brokerlink.DomainView{State: "on", Valid: true, Age: 1}, Lease: brokerlink.LeaseView{State: "held", HostID: 3},
			Monitors: []brokerlink.MonitorView{{Type: "network", Text: "1.0", Age: 2}},
			OVF:      brokerlink.OVFView{Age: -1}, Archive: brokerlink.ArchiveView{Age: 5},
			Notify: brokerlink.NotifyView{Queued: 1, Sent: 2, Dropped: 3},
		},
		view: brokerlink.View{
			Segments: []brokerlink.SegmentView{{HostID: 3, Data: []byte("1|1|7|3|\x00"), Source: "storage", Durable: true, DurableAge: 4}},
			Lease:    brokerlink.LeaseView{State: "held"},
		},
		health: brokerlink.Health{Warnings: []brokerlink.Warning{{Code: "storage-stalled", Severity: "high"}}},
		lanes: brokerlink.Lanes{Lanes: []brokerlink.LaneView{
			{Name: "ha-writer", Op: "write", Busy: true, BlockedFor: 9, Stalled: true, Completed: 4, Failed: 1},
		}},
		changed: make(chan struct{}),
	}
}

func (s *state) Status() brokerlink.Status { s.mu.Lock(); defer s.mu.Unlock(); return s.status }
func (s *state) View() brokerlink.View     { s.mu.Lock(); defer s.mu.Unlock(); return s.view }
func (s *state) Lanes() brokerlink.Lanes   { s.mu.Lock(); defer s.mu.Unlock(); return s.lanes }
func (s *state) Health() brokerlink.Health { s.mu.Lock(); defer s.mu.Unlock(); return s.health }
func (s *state) Clients() int              { return 7 }
func (s *state) Changed() <-chan struct{}  { s.mu.Lock(); defer s.mu.Unlock(); return s.changed }

func (s *state) change(f func(*state)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	close(s.changed)
	s.changed = make(chan struct{})
}

// serve returns a client of a server with this source.
func serve(t *testing.T, source ops.Source, o ops.Options) (*http.Client, *metrics.Metrics) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ops") // not TempDir: a socket's path has room for 107 bytes
	require.NoError(t, err)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	m := metrics.New(source)
	o.Source, o.Metrics = source, m.Handler()
	s := ops.New(o)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		client.CloseIdleConnections()
		require.NoError(t, s.Shutdown(ctx))
		require.NoError(t, <-served)
		os.RemoveAll(dir)
	})
	return client, m
}

func get(t *testing.T, client *http.Client, path string) (status int, body []byte) {
	t.Helper()
	response, err := client.Get("http://broker" + path)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, body
}

// document is the served OpenAPI file.
type document struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Properties map[string]schema
	Required   []string
	Items      *schema
	Enum       []string
}

// check compares a value with its schema, member by member.
func (d document) check(t *testing.T, where string, s schema, v any) {
	t.Helper()
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s, ok = d.Components.Schemas[name]
		require.True(t, ok, "%s: no schema %s", where, name)
	}
	switch v := v.(type) {
	case map[string]any:
		require.Equal(t, "object", s.Type, where)
		if s.Properties == nil {
			return
		}
		var members, described []string
		for name, value := range v {
			members = append(members, name)
			d.check(t, where+"."+name, s.Properties[name], value)
		}
		for name := range s.Properties {
			described = append(described, name)
		}
		require.ElementsMatch(t, described, members, "members of %s", where)
		require.ElementsMatch(t, described, s.Required, "required members of %s", where)
	case []any:
		require.Equal(t, "array", s.Type, where)
		for i, item := range v {
			d.check(t, fmt.Sprintf("%s[%d]", where, i), *s.Items, item)
		}
	case string:
		require.Equal(t, "string", s.Type, where)
		if s.Enum != nil {
			require.Contains(t, s.Enum, v, where)
		}
	case float64:
		require.Contains(t, []string{"number", "integer"}, s.Type, where)
		if s.Type == "integer" {
			require.Equal(t, float64(int64(v)), v, where)
		}
	case bool:
		require.Equal(t, "boolean", s.Type, where)
	default:
		t.Fatalf("%s: %T", where, v)
	}
}

// Every path, status code and member of openapi.json is what the handlers serve, and no path is missing in it.
func TestTheDescriptionIsTrue(t *testing.T) {
	client, _ := serve(t, newState(), ops.Options{})
	_, body := get(t, client, "/v1/openapi.json")
	var d document
	require.NoError(t, json.Unmarshal(body, &d))
	used := map[string]bool{}
	for path, methods := range d.Paths {
		operation := methods["get"]
		require.Len(t, methods, 1, path)
		require.Len(t, operation.Responses, 1, path)
		content := operation.Responses["200"].Content
		require.Len(t, content, 1, path)
		query := ""
		if strings.HasSuffix(path, "/profile") || strings.HasSuffix(path, "/trace") {
			query = "?seconds=1"
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://broker"+path+query, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err, path)
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		for kind, form := range content {
			require.True(t, strings.HasPrefix(response.Header.Get("Content-Type"), kind), "%s: %s", path, response.Header.Get("Content-Type"))
			if strings.Contains(kind, "json") {
				var value any
				require.NoError(t, json.NewDecoder(response.Body).Decode(&value), path)
				d.check(t, path, form.Schema, value)
				used[form.Schema.Ref] = true
			}
		}
		cancel()
		response.Body.Close()
	}
	for _, path := range []string{"/v1/status", "/v1/view", "/v1/lanes", "/v1/health", "/v1/watch", "/v1/openapi.json", "/metrics", "/debug/pprof/"} {
		require.Contains(t, d.Paths, path)
	}
	for _, name := range []string{"Status", "View", "Lanes", "Health", "Change"} {
		require.True(t, used["#/components/schemas/"+name], name)
	}
	status, _ := get(t, client, "/v1/nosuch")
	require.Equal(t, http.StatusNotFound, status)
	response, err := client.Post("http://broker/v1/status", "text/plain", nil)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

func TestMetrics(t *testing.T) {
	client, m := serve(t, newState(), ops.Options{})
	m.ObserveCall("get_stats", 3*time.Millisecond, false)
	m.ObserveCall("lock_host_id", 2*time.Second, true)
	_, body := get(t, client, "/metrics")
	text := string(body)
	for _, line := range []string{
		`holdfast_lane_busy_seconds{lane="ha-writer"} 9`,
		`holdfast_lane_operations_total{lane="ha-writer"} 5`,
		`holdfast_lane_failures_total{lane="ha-writer"} 1`,
		`holdfast_lane_stalled{lane="ha-writer"} 1`,
		`holdfast_warning{code="storage-stalled",severity="high"} 1`,
		`holdfast_rpc_duration_seconds_bucket{method="get_stats",le="0.005"} 1`,
		`holdfast_rpc_duration_seconds_count{method="lock_host_id"} 1`,
		`holdfast_rpc_errors_total{method="lock_host_id"} 1`,
		`holdfast_rpc_errors_total{method="get_stats"} 0`,
		`holdfast_whiteboard_pass_bytes 4096`,
		`holdfast_view_age_seconds 1`,
		`holdfast_record_durable_age_seconds 4`,
		`holdfast_lease_held 1`,
		`holdfast_domain_valid 1`,
		`holdfast_domain_delay_seconds 0`,
		`holdfast_submonitors 1`,
		`holdfast_submonitor_age_seconds{type="network"} 2`,
		`holdfast_notifications_queued 1`,
		`holdfast_notifications_sent_total 2`,
		`holdfast_notifications_dropped_total 3`,
		`holdfast_clients 7`,
		`holdfast_mount_connected 1`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "holdfast_ovf_age_seconds ", "an age that there is not is not shown as one")
	require.Contains(t, text, "go_goroutines ")
	require.Contains(t, text, "process_open_fds ")
}

// lines reads a watch.
func lines(t *testing.T, client *http.Client) (*bufio.Scanner, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://broker/v1/watch", nil)
	require.NoError(t, err)
	response, err := client.Do(request) //nolint:bodyclose // the function returned closes it
	require.NoError(t, err)
	return bufio.NewScanner(response.Body), func() { cancel(); response.Body.Close() }
}

func next(t *testing.T, from *bufio.Scanner) ops.Change {
	t.Helper()
	require.True(t, from.Scan(), "%v", from.Err())
	var change ops.Change
	d := json.NewDecoder(bytes.NewReader(from.Bytes()))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&change))
	return change
}

func TestWatchTellsWhatChanged(t *testing.T) {
	source := newState()
	client, _ := serve(t, source, ops.Options{WatchPause: time.Millisecond, ReadTimeout: 200 * time.Millisecond, WriteTimeout: 200 * time.Millisecond})
	from, stop := lines(t, client)
	defer stop()
	first := next(t, from)
	require.ElementsMatch(t, []string{"mount", "domain", "lease", "warnings", "lanes", "segments"}, first.Changed)
	require.Equal(t, "1|1|7|3|", first.Segments[0].Stamp)
	require.Equal(t, []string{"ha-writer"}, first.Stalled)

	source.change(func(s *state) { s.status.Uptime++ }) // no change at all
	time.Sleep(500 * time.Millisecond)                  // longer than a request or a reply may take: a watch goes on
	source.change(func(s *state) { s.status.Lease.State = "lost" })
	second := next(t, from)
	require.Equal(t, 1, second.Number)
	require.Equal(t, []string{"lease"}, second.Changed)
	require.Equal(t, "lost", second.Lease)
	require.Empty(t, second.Segments)

	source.change(func(s *state) { s.view.Segments = nil })
	third := next(t, from)
	require.Equal(t, []string{"segments"}, third.Changed)
	require.Equal(t, []ops.SegmentChange{{HostID: 3}}, third.Segments)
}

// A reader that does not read is cut: it has the only place, and another one gets it.
func TestASlowReaderIsCut(t *testing.T) {
	source := newState()
	client, _ := serve(t, source, ops.Options{WatchPause: time.Millisecond, WriteTimeout: 300 * time.Millisecond, MaxClients: 1})
	_, stop := lines(t, client) // never read
	defer stop()
	long := strings.Repeat("x", 100_000)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
				source.change(func(s *state) {
					s.health.Warnings = []brokerlink.Warning{{Code: fmt.Sprint("code-", n), Severity: "low", Detail: long}}
				})
			}
		}
	}()
	_, body := get(t, client, "/v1/lanes")
	require.Contains(t, string(body), "ha-writer")
	close(over)
	<-ended
}

func TestThereAreOnlySoManyPlaces(t *testing.T) {
	client, _ := serve(t, newState(), ops.Options{MaxClients: 2})
	first, stopFirst := lines(t, client)
	next(t, first)
	second, stopSecond := lines(t, client)
	defer stopSecond()
	next(t, second)
	short := &http.Client{Timeout: 300 * time.Millisecond, Transport: client.Transport}
	_, err := short.Get("http://broker/v1/lanes") //nolint:bodyclose // there is no answer
	require.Error(t, err, "no place")
	stopFirst()
	require.Eventually(t, func() bool {
		response, err := short.Get("http://broker/v1/lanes")
		if err != nil {
			return false
		}
		response.Body.Close()
		return true
	}, patience, 10*time.Millisecond, "a place that is free again")
}
