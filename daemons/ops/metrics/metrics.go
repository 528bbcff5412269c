// Package metrics makes the broker's metrics for Prometheus: gauges that are read from the broker's memory when they are
// asked for, and the times of RPCs. The registry is its own; nothing is global.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/ops"
)

// Metrics are what Prometheus gets. Make them with New.
type Metrics struct {
	registry  *prometheus.Registry
	durations *prometheus.HistogramVec
	errors    *prometheus.CounterVec
}

// rpcBuckets, in seconds: answers from memory take well under a millisecond, those that wait up to minutes.
var rpcBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30, 120}

// New returns the metrics of a broker that nobody has called yet.
func New(source ops.Source) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_rpc_duration_seconds", Help: "Time that calls spent in their method, encoding included.", Buckets: rpcBuckets,
		}, []string{"method"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_rpc_errors_total", Help: "Calls answered with nil for an error, or with a fault.",
		}, []string{"method"}),
	}
	m.registry.MustRegister(m.durations, m.errors, newGauges(source),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveCall counts an RPC; see the option OnCall of package xmlrpc's server.
func (m *Metrics) ObserveCall(method string, took time.Duration, failed bool) {
	m.durations.WithLabelValues(method).Observe(took.Seconds())
	errors := m.errors.WithLabelValues(method) // is there, at 0, from the first call on
	if failed {
		errors.Inc()
	}
}

// Handler answers in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// gauges collects what the source tells, when it is asked.
type gauges struct {
	source ops.Source
	desc   map[string]*prometheus.Desc
}

// sheet is every metric of the source: its name, its help, its labels.
var sheet = []struct {
	name, help string
	labels     []string
}{
	{"holdfast_lane_busy_seconds", "How long the lane's operation in progress has lasted; 0 if it is idle.", []string{"lane"}},
	{"holdfast_lane_operations_total", "Operations of the lane that have ended.", []string{"lane"}},
	{"holdfast_lane_failures_total", "Operations of the lane that ended with an error.", []string{"lane"}},
	{"holdfast_lane_stalled", "1 if the lane's operation in progress has lasted longer than stall_after.", []string{"lane"}},
	{"holdfast_warning", "1 for each warning that is visible now.", []string{"code", "severity"}},
	{"holdfast_healthy", "1 if no warning is worse than low.", nil},
	{"holdfast_whiteboard_pass_bytes", "Bytes that the last complete read of the whiteboard took from storage.", nil},
	{"holdfast_whiteboard_pass_seconds", "Seconds that the last complete read of the whiteboard took.", nil},
	{"holdfast_whiteboard_segments", "Segments of the whiteboard that are not empty.", nil},
	{"holdfast_view_age_seconds", "Seconds since the last complete read of the whiteboard; absent before the first.", nil},
	{"holdfast_record_durable_age_seconds", "Seconds since this host's record was last known to be on storage; absent before that.", nil},
	{"holdfast_record_pending", "1 while this host's newest record is not on storage.", nil},
	{"holdfast_lease_held", "1 while the lease on the host id is held.", nil},
	{"holdfast_domain_valid", "1 while the storage domain is valid.", nil},
	{"holdfast_domain_delay_seconds", "Seconds that the newest check of the storage domain took.", nil},
	{"holdfast_submonitors", "Submonitors that run.", nil},
	{"holdfast_submonitor_age_seconds", "Seconds since the submonitor's newest measurement; absent before the first.", []string{"type"}},
	{"holdfast_ovf_age_seconds", "Seconds since the engine VM's definition was read from storage; absent before that.", nil},
	{"holdfast_archive_age_seconds", "Seconds since the shared configuration was read from storage; absent before that.", nil},
	{"holdfast_notifications_queued", "Notifications that wait to be sent.", nil},
	{"holdfast_notifications_sent_total", "Notifications sent.", nil},
	{"holdfast_notifications_dropped_total", "Notifications given up.", nil},
	{"holdfast_clients", "Open connections to the RPC socket.", nil},
	{"holdfast_mount_connected", "1 while the shared storage is connected.", nil},
	{"holdfast_uptime_seconds", "Seconds since the broker started.", nil},
}

func newGauges(source ops.Source) *gauges {
	g := &gauges{source: source, desc: map[string]*prometheus.Desc{}}
	for _, row := range sheet {
		g.desc[row.name] = prometheus.NewDesc(row.name, row.help, row.labels, nil)
	}
	return g
}

// Describe lists the metrics.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, row := range sheet {
		to <- g.desc[row.name]
	}
}

// Collect reads the source.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	c := collecting{g, to}
	for _, l := range g.source.Lanes().Lanes {
		c.gauge("holdfast_lane_busy_seconds", l.BlockedFor, l.Name)
		c.counter("holdfast_lane_operations_total", l.Completed+l.Failed, l.Name)
		c.counter("holdfast_lane_failures_total", l.Failed, l.Name)
		c.flag("holdfast_lane_stalled", l.Stalled, l.Name)
	}
	health := g.source.Health()
	for _, w := range health.Warnings {
		c.gauge("holdfast_warning", 1, w.Code, w.Severity)
	}
	c.flag("holdfast_healthy", health.OK)
	c.gauge("holdfast_clients", float64(g.source.Clients()))
	status := g.source.Status()
	c.status(status)
	c.view(g.source.View(), status.HostID)
}

// collecting hands metrics over.
type collecting struct {
	*gauges
	to chan<- prometheus.Metric
}

func (c collecting) gauge(name string, value float64, labels ...string) {
	c.to <- prometheus.MustNewConstMetric(c.desc[name], prometheus.GaugeValue, value, labels...)
}

func (c collecting) counter(name string, value int, labels ...string) {
	c.to <- prometheus.MustNewConstMetric(c.desc[name], prometheus.CounterValue, float64(value), labels...)
}

func (c collecting) flag(name string, holds bool, labels ...string) {
	value := 0.0
	if holds {
		value = 1
	}
	c.gauge(name, value, labels...)
}

// age is left out while there is none: a broker that never read must not look fresh, nor 1 s younger than new.
func (c collecting) age(name string, age float64, labels ...string) {
	if age >= 0 {
		c.gauge(name, age, labels...)
	}
}

func (c collecting) status(s brokerlink.Status) {
	c.gauge("holdfast_uptime_seconds", s.Uptime)
	c.gauge("holdfast_whiteboard_pass_bytes", float64(s.Mount.ReadBytes))
	c.gauge("holdfast_whiteboard_pass_seconds", s.Mount.ReadTook)
	c.age("holdfast_view_age_seconds", s.Mount.ReadAge)
	c.flag("holdfast_mount_connected", s.Mount.State == brokerlink.StorageConnected)
	c.flag("holdfast_lease_held", s.Lease.State == brokerlink.LeaseHeld)
	c.flag("holdfast_domain_valid", s.Domain.Valid)
	c.gauge("holdfast_domain_delay_seconds", s.Domain.Delay)
	c.gauge("holdfast_submonitors", float64(len(s.Monitors)))
	for _, m := range s.Monitors {
		c.age("holdfast_submonitor_age_seconds", m.Age, m.Type)
	}
	c.age("holdfast_ovf_age_seconds", s.OVF.Age)
	c.age("holdfast_archive_age_seconds", s.Archive.Age)
	c.gauge("holdfast_notifications_queued", float64(s.Notify.Queued))
	c.counter("holdfast_notifications_sent_total", s.Notify.Sent)
	c.counter("holdfast_notifications_dropped_total", s.Notify.Dropped)
}

func (c collecting) view(v brokerlink.View, hostID int) {
	c.gauge("holdfast_whiteboard_segments", float64(len(v.Segments)))
	own, _ := v.Segment(hostID)
	c.flag("holdfast_record_pending", own.Pending)
	if own.Data != nil {
		c.age("holdfast_record_durable_age_seconds", own.DurableAge)
	}
}
