package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tanker/internal/journal"
)

// Delivery counts what is delivered to one destination.
type Delivery struct {
	outcomes  *prometheus.CounterVec // by kind and reason
	delivered prometheus.Counter     // of outcomes, by far the most frequent
	calls     *prometheus.CounterVec // by class and status
	saved     *prometheus.CounterVec // by how
	callTime  prometheus.Observer
	latency   prometheus.Observer
	waits     prometheus.ObserverVec // by limit
}

// Delivery returns the metrics of a destination.
func (m *Metrics) Delivery(destination string) *Delivery {
	label := prometheus.Labels{"destination": destination}
	outcomes := m.outcomes.MustCurryWith(label)
	return &Delivery{
		outcomes:  outcomes,
		delivered: outcomes.WithLabelValues(string(journal.Delivered), ""),
		calls:     m.calls.MustCurryWith(label),
		saved:     m.saved.MustCurryWith(label),
		callTime:  m.callTime.With(label),
		latency:   m.latency.With(label),
		waits:     m.waits.MustCurryWith(label),
	}
}

// Outcome counts an event that has its outcome.
func (d *Delivery) Outcome(kind journal.Kind, reason string) {
	if kind == journal.Delivered && reason == "" {
		d.delivered.Inc()
		return
	}
	d.outcomes.WithLabelValues(string(kind), reason).Inc()
}

// Call counts a call; status is 0 if there was no answer.
func (d *Delivery) Call(class string, status int, took time.Duration) {
	code := "none"
	if status != 0 {
		code = strconv.Itoa(status)
	}
	d.calls.WithLabelValues(class, code).Inc()
	d.callTime.Observe(took.Seconds())
}

// Delivered counts the time from an event's acceptance to its delivery.
func (d *Delivery) Delivered(latency time.Duration) { d.latency.Observe(latency.Seconds()) }

// Saved counts an event that needed no call of its own.
func (d *Delivery) Saved(how string) { d.saved.WithLabelValues(how).Inc() }

// Waited counts the time that calls waited for a rate limit, "key" or "user".
func (d *Delivery) Waited(limit string, wait time.Duration) {
	d.waits.WithLabelValues(limit).Observe(wait.Seconds())
}
