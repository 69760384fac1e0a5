package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what Tanker does, for Prometheus to read. It satisfies the interfaces of the gateway, the
// journal and the deliveries. Its methods are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	observed *stateCollector

	accepted      *prometheus.CounterVec
	acceptedBytes *prometheus.CounterVec
	suppressed    *prometheus.CounterVec
	refused       *prometheus.CounterVec

	appendTime  prometheus.Histogram
	packEvents  prometheus.Histogram
	packedBytes prometheus.Counter

	outcomes *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	calls    *prometheus.CounterVec
	saved    *prometheus.CounterVec
	callTime *prometheus.HistogramVec
	waits    *prometheus.HistogramVec
}

// Buckets of the histograms, in seconds or events.
var (
	appendBuckets  = []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 5}
	packBuckets    = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000}
	latencyBuckets = []float64{.001, .002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
	callBuckets    = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	waitBuckets    = []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300}
)

// New makes the metrics, all at zero. version is what tanker_build_info says.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), observed: newStateCollector()}
	m.register(version)
	m.makeGateway()
	m.makeJournal()
	m.makeDelivery()
	return m
}

func (m *Metrics) register(version string) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tanker_build_info", Help: "Always 1; the label says which version this is.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(build, m.observed, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// SetNode says what this process is called among those that share a journal. It is called once at most.
func (m *Metrics) SetNode(name string) {
	node := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tanker_node_info", Help: "Always 1; the label is the name of this process among those on a cluster.",
		ConstLabels: prometheus.Labels{"node": name},
	})
	node.Set(1)
	m.registry.MustRegister(node)
}

func (m *Metrics) makeGateway() {
	m.accepted = m.counters("tanker_events_accepted_total", "Events that are on disk and were answered 200.", "source")
	m.acceptedBytes = m.counters("tanker_accepted_bytes_total", "Bytes of the requests that were answered 200, decompressed.", "source")
	m.suppressed = m.counters("tanker_events_suppressed_total", "Events that were answered 200 and dropped, because their users are suppressed.", "source")
	m.refused = m.counters("tanker_requests_refused_total", "Requests that were not answered 200.", "source", "reason", "status")
}

func (m *Metrics) makeJournal() {
	m.appendTime = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "tanker_journal_append_seconds", Help: "Time of one write to the journal, until it is on disk.", Buckets: appendBuckets,
	})
	m.packEvents = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "tanker_journal_append_events", Help: "Events that went to disk in one write.", Buckets: packBuckets,
	})
	m.packedBytes = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tanker_journal_append_bytes_total", Help: "Bytes written to the journal.",
	})
	m.registry.MustRegister(m.appendTime, m.packEvents, m.packedBytes)
}

func (m *Metrics) makeDelivery() {
	m.outcomes = m.counters("tanker_outcomes_total", "What became of events: delivered, filtered, rejected or dead, and why.", "destination", "kind", "reason")
	m.latency = m.histograms("tanker_delivery_seconds", "Time from an event's acceptance to its delivery.", latencyBuckets, "destination")
	m.calls = m.counters("tanker_calls_total", "Calls to Refiner, by what the answer meant and its status.", "destination", "class", "status")
	m.saved = m.counters("tanker_calls_saved_total", "Events that needed no call of their own, and how: another event's call brought them (merge), or their call would have changed nothing (unchanged).", "destination", "how")
	m.callTime = m.histograms("tanker_call_seconds", "Time of one call to Refiner.", callBuckets, "destination")
	m.waits = m.histograms("tanker_limit_wait_seconds", "Time that calls waited for a rate limit: of the key or of a user.", waitBuckets, "destination", "limit")
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Accepted counts a request that was answered 200.
func (m *Metrics) Accepted(source string, events, bytes int) {
	m.accepted.WithLabelValues(source).Add(float64(events))
	m.acceptedBytes.WithLabelValues(source).Add(float64(bytes))
}

// Suppressed counts events that were dropped.
func (m *Metrics) Suppressed(source string, events int) {
	m.suppressed.WithLabelValues(source).Add(float64(events))
}

// Refused counts a request that was answered anything else.
func (m *Metrics) Refused(source, reason string, status int) {
	m.refused.WithLabelValues(source, reason, strconv.Itoa(status)).Inc()
}

// Appended counts a write to the journal.
func (m *Metrics) Appended(events, bytes int, took time.Duration) {
	m.appendTime.Observe(took.Seconds())
	m.packEvents.Observe(float64(events))
	m.packedBytes.Add(float64(bytes))
}
