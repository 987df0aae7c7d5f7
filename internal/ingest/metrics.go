package ingest

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"recsvc/internal/event"
)

// maxTypeLabels bounds the types that are counted by name: producers choose them.
const maxTypeLabels = 64

// Metrics counts what passes through the intake and the sources. One is made per server and shared; it is safe for
// concurrent use.
type Metrics struct {
	received [event.KindUser + 1]prometheus.Counter // by kind
	accepted [event.KindUser + 1]prometheus.Counter // by kind
	rejected *prometheus.CounterVec                 // by reason
	events   *prometheus.CounterVec                 // accepted behaviour events by type
	dropped  prometheus.Counter
	unknown  prometheus.Counter
	letters  *prometheus.CounterVec // retried, by outcome

	mu    sync.RWMutex
	types map[string]prometheus.Counter
}

// NewMetrics registers the metrics; with a nil registerer they are counted and not exported.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "recsvc_ingest_" + name, Help: help}, labels)
	}
	received := counter("received_total", "Records that arrived, by kind; not those of the log itself.", "kind")
	accepted := counter("accepted_total", "Records that were accepted, by kind.", "kind")
	m := &Metrics{
		rejected: counter("rejected_total", "Records that were refused, by reason.", "reason"),
		events:   counter("events_total", "Behaviour events that were accepted, by type; beyond 64 types: other.", "type"),
		dropped:  counter("dropped_values_total", "Values of context and attributes of a type that cannot be kept.").WithLabelValues(),
		unknown:  counter("unknown_fields_total", "Fields that records of the kind do not have.").WithLabelValues(),
		letters:  counter("dead_letters_retried_total", "Dead letters that were to be retried, by what became of them.", "outcome"),
		types:    make(map[string]prometheus.Counter),
	}
	for k := event.KindEvent; k <= event.KindUser; k++ {
		m.received[k], m.accepted[k] = received.WithLabelValues(k.String()), accepted.WithLabelValues(k.String())
	}
	return m
}

// accept counts an event, item or user that was accepted.
func (m *Metrics) accept(rec *event.Record) {
	m.accepted[rec.Kind].Inc()
	if rec.Kind == event.KindEvent {
		m.eventType(rec.Event.Type).Inc()
	}
}

// handedOut counts what a source of history hands out; what a server has written itself does not count.
func (m *Metrics) handedOut(recs []event.Record) {
	for i := range recs {
		switch r := &recs[i]; r.Kind {
		case event.KindDeadLetter:
			m.rejected.WithLabelValues(r.DeadLetter.Reason).Inc()
		case event.KindEvent, event.KindItem, event.KindUser:
			m.accept(r)
		}
	}
}

// retried counts dead letters by what became of them, and the records that they gave.
func (m *Metrics) retried(accepted, refused int, recs []event.Record) {
	m.letters.WithLabelValues("accepted").Add(float64(accepted))
	m.letters.WithLabelValues("refused").Add(float64(refused))
	for i := range recs {
		if recs[i].Kind != event.KindDeadLetter {
			m.accept(&recs[i])
		}
	}
}

// reject counts a refusal and returns its reason.
func (m *Metrics) reject(err error) string {
	reason := reasonOf(err)
	m.rejected.WithLabelValues(reason).Inc()
	return reason
}

// decoded moves the counts of a decoder over.
func (m *Metrics) decoded(c *event.Counts) {
	m.dropped.Add(float64(c.DroppedValues))
	m.unknown.Add(float64(c.UnknownFields))
	*c = event.Counts{}
}

// eventType returns the counter of a type, that of "other" once there are too many.
func (m *Metrics) eventType(name string) prometheus.Counter {
	m.mu.RLock()
	c := m.types[name]
	full := len(m.types) >= maxTypeLabels
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	if full {
		return m.events.WithLabelValues("other")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.types[name] == nil {
		name = string([]byte(name)) // the map outlives the buffer that name may alias
		m.types[name] = m.events.WithLabelValues(name)
	}
	return m.types[name]
}

// reasonOf returns the label of a refusal.
func reasonOf(err error) string {
	var refusal *event.Error
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return "refused"
}
