package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// State is what can only be read off at the moment of a scrape.
type State struct {
	Destinations []DestinationState
	Journal      JournalState
}

// DestinationState is how far a destination is behind.
type DestinationState struct {
	Name    string
	Pending uint64    // events accepted for it and not finished
	Parked  uint64    // of these, events that were moved out of the way because their user must wait
	Lost    uint64    // events that the disk has lost before they were finished
	Oldest  time.Time // when the oldest of them was accepted; zero if there is none or it is not known
	Letters int       // of the pending events, those that are to become dead letters and wait for room
	Blocked bool      // nothing is delivered until an operator helps
	Circuit bool      // nothing is delivered until the destination answers again
	Paused  bool      // nothing is delivered until an operator resumes it
}

// JournalState is the room on disk.
type JournalState struct {
	Bytes    uint64 // taken by stored events
	MaxBytes int64  // that they may take
}

// Observe makes scrapes read the state from read. It replaces the function of an earlier call; nil means that
// there is no state.
func (m *Metrics) Observe(read func() State) { m.observed.set(read) }

// stateCollector turns a State into gauges at each scrape.
type stateCollector struct {
	mu   sync.Mutex
	read func() State

	pending, parked, letters, lost, oldest, blocked, circuit, paused, bytes, maxBytes *prometheus.Desc
}

func newStateCollector() *stateCollector {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &stateCollector{
		pending:  describe("tanker_pending_events", "Events accepted for a destination and not finished.", "destination"),
		parked:   describe("tanker_parked_events", "Pending events that were moved out of the way because their user must wait.", "destination"),
		letters:  describe("tanker_dead_letters_waiting", "Pending events that wait because there is no room for their dead letters.", "destination"),
		lost:     describe("tanker_lost_events", "Events that the disk has lost before they had an outcome.", "destination"),
		oldest:   describe("tanker_oldest_pending_seconds", "Age of the oldest event that is not finished; 0 if there is none.", "destination"),
		blocked:  describe("tanker_destination_blocked", "1 while nothing is delivered until an operator helps.", "destination"),
		circuit:  describe("tanker_destination_circuit_open", "1 while the calls of everyone fail and none are made but probes.", "destination"),
		paused:   describe("tanker_destination_paused", "1 while an operator has the destination paused.", "destination"),
		bytes:    describe("tanker_journal_bytes", "Bytes that stored events take on disk."),
		maxBytes: describe("tanker_journal_max_bytes", "Bytes that stored events may take on disk."),
	}
}

func (c *stateCollector) set(read func() State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = read
}

// Describe is part of prometheus.Collector.
func (c *stateCollector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.pending, c.parked, c.letters, c.lost, c.oldest, c.blocked, c.circuit, c.paused, c.bytes, c.maxBytes} {
		descriptions <- d
	}
}

// Collect is part of prometheus.Collector.
func (c *stateCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	read := c.read
	c.mu.Unlock()
	if read == nil {
		return
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	state := read()
	for _, d := range state.Destinations {
		gauge(c.pending, float64(d.Pending), d.Name)
		gauge(c.parked, float64(d.Parked), d.Name)
		gauge(c.letters, float64(d.Letters), d.Name)
		gauge(c.lost, float64(d.Lost), d.Name)
		gauge(c.oldest, age(d.Oldest), d.Name)
		gauge(c.blocked, oneIf(d.Blocked), d.Name)
		gauge(c.circuit, oneIf(d.Circuit), d.Name)
		gauge(c.paused, oneIf(d.Paused), d.Name)
	}
	gauge(c.bytes, float64(state.Journal.Bytes))
	gauge(c.maxBytes, float64(state.Journal.MaxBytes))
}

func age(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, time.Since(since).Seconds())
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
