package drift

import (
	"fmt"
	"math"
)

// Names of what a Monitor and Inputs use.
const (
	NameADWIN       = "adwin"
	NamePageHinkley = "page_hinkley"
	NameLabelRate   = "label_rate"
	NamePSI         = "psi"
	NameMixture     = "mixture"
)

// MaxLoss is the greatest loss that ADWIN is told of, in nats: one sure error must not hide what many small ones say.
const MaxLoss = 5

// MonitorOptions of a Monitor. A zero field takes the default named beside it.
type MonitorOptions struct {
	Recent int // observations of the recent window; 2000
	Past   int // and of the one that it is compared with; 50000
}

// Monitor watches the outcomes of one head: its loss by ADWIN and by Page and Hinkley's test, the rate of its labels, and
// what its predictions were worth lately and over a longer past.
type Monitor struct {
	adwin        ADWIN
	pageHinkley  PageHinkley
	labels       LabelRate
	recent, past Window
	alarms       [3]Alarms // in the order of the fields above
	broken       uint64    // predictions that were no probabilities
}

// NewMonitor returns a monitor that has seen nothing.
func NewMonitor(o MonitorOptions) (*Monitor, error) {
	if o.Recent == 0 {
		o.Recent = 2000
	}
	if o.Past == 0 {
		o.Past = 50_000
	}
	if o.Past < o.Recent {
		return nil, fmt.Errorf("drift: a past of %d observations is shorter than the recent %d", o.Past, o.Recent)
	}
	recent, err := NewWindow(o.Recent)
	if err != nil {
		return nil, err
	}
	past, err := NewWindow(o.Past)
	if err != nil {
		return nil, err
	}
	adwin, err := NewADWIN(ADWINOptions{Max: MaxLoss})
	if err != nil {
		return nil, err
	}
	test, err := NewPageHinkley(PageHinkleyOptions{})
	if err != nil {
		return nil, err
	}
	labels, err := NewLabelRate(LabelRateOptions{})
	if err != nil {
		return nil, err
	}
	return &Monitor{adwin: *adwin, pageHinkley: *test, labels: *labels, recent: *recent, past: *past}, nil
}

// minChance bounds predictions away from 0 and 1, as progressive validation does.
const minChance = 1e-7

// Observe takes a prediction with what came of it, at an event time in Unix nanoseconds. It returns Up when the loss has risen,
// by either test.
func (m *Monitor) Observe(p float64, positive bool, at int64) Shift {
	if !within(p, 0, 1) {
		m.broken++
		return None
	}
	q, y := clamp(p, minChance, 1-minChance), 0.0
	loss := -math.Log1p(-q)
	if positive {
		loss, y = -math.Log(q), 1
	}
	m.recent.add(p, loss, y)
	m.past.add(p, loss, y)
	first, second, third := m.adwin.Add(loss), m.pageHinkley.Add(loss), m.labels.Add(positive)
	m.alarms[0].count(first, at)
	m.alarms[1].count(second, at)
	m.alarms[2].count(third, at)
	if first == Up || second == Up {
		return Up
	}
	return None
}

// Restart empties the recent window: what made its predictions is not in force any more.
func (m *Monitor) Restart() { m.recent.Forget() }

// MonitorReport is what a Monitor knows. What is not defined is NaN.
type MonitorReport struct {
	Recent, Past Window
	Detectors    []DetectorReport
	Broken       uint64 // predictions that were no probabilities
}

// DetectorReport is one detector and how it stands.
type DetectorReport struct {
	Name   string
	Column string // of Inputs: what it watches; empty: all of it
	Value  float64
	Alarms Alarms
}

// Report tells how the head fares. The values of the detectors are the mean loss of ADWIN's window, the share of its threshold that
// Page and Hinkley's test has gathered, and the deviations of the label rate from what is expected.
func (m *Monitor) Report() MonitorReport {
	mean, _ := m.adwin.Mean()
	_, _, z := m.labels.Rates()
	return MonitorReport{
		Recent: m.recent, Past: m.past, Broken: m.broken,
		Detectors: []DetectorReport{
			{Name: NameADWIN, Value: mean, Alarms: m.alarms[0]},
			{Name: NamePageHinkley, Value: m.pageHinkley.Excess(), Alarms: m.alarms[1]},
			{Name: NameLabelRate, Value: z, Alarms: m.alarms[2]},
		},
	}
}

const monitorV1 = 1

// AppendState appends version | broken | alarms of the three | windows | the three detectors.
func (m *Monitor) AppendState(dst []byte) []byte {
	dst = appendCount(append(dst, monitorV1), int(m.broken))
	for i := range m.alarms {
		dst = m.alarms[i].appendState(dst)
	}
	dst = m.past.AppendState(m.recent.AppendState(dst))
	return m.labels.AppendState(m.pageHinkley.AppendState(m.adwin.AppendState(dst)))
}

// LoadState takes back what AppendState of a Monitor with the same options has appended. After an error nothing has changed.
func (m *Monitor) LoadState(b []byte) error {
	r := reader{b: b}
	r.version(monitorV1)
	n := Monitor{adwin: m.adwin, broken: uint64(r.count(maxCount))}
	for i := range n.alarms {
		n.alarms[i].load(&r)
	}
	n.recent, n.past = m.recent.load(&r), m.past.load(&r)
	n.adwin.since, n.adwin.rows = m.adwin.load(&r)
	n.pageHinkley, n.labels = m.pageHinkley.load(&r), m.labels.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*m = n
	return nil
}
