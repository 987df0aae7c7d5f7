package engine

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zeebo/xxh3"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/examination"
	"recsvc/internal/feedback"
)

// Examination says where in contexts stands what the estimate of positions needs. Keys of the context are without "context."; an
// empty one is of no context.
type Examination struct {
	Head   int    // flat: whose outcomes tell that an item was looked at
	Layout string // key of what positions differ by, such as a device
	Query  string // key of what relevance depends on beside the item, such as a search
	Drawn  string // key that tells that a list ranked elsewhere was drawn as a whole
	Is     string // its value then; "true"
	Scenes []string
}

// maxLayout bounds the bytes of a layout's name: what is longer is cut.
const maxLayout = 64

// examiner is the engine's estimate of positions as the join sees it.
type examiner struct {
	estimator *examination.Estimator
	o         Examination
	scenes    map[uint64]string // by hash
	groups    map[uint64]int    // numbers of the estimator's, by hash of scene and layout
	context   []byte            // scratch
	number    []byte            // scratch
}

func newExaminer(e *examination.Estimator, o Examination) *examiner {
	x := &examiner{estimator: e, o: o, scenes: map[uint64]string{}, groups: map[uint64]int{}}
	if x.o.Is == "" {
		x.o.Is = "true"
	}
	for _, s := range o.Scenes {
		x.scenes[feedback.HashScene(s)] = s
	}
	return x
}

// text is the value of a key of the context that is in the scratch; "" when it has none. It holds until the next call.
func (x *examiner) text(key string) string {
	if key == "" || len(x.context) == 0 {
		return ""
	}
	v, _ := event.LookupAttribute(x.context, key)
	switch v.Kind {
	case event.String:
		return v.Str
	case event.Bool:
		return strconv.FormatBool(v.Num != 0)
	case event.Number:
		x.number = strconv.AppendFloat(x.number[:0], v.Num, 'g', -1, 64)
		return string(x.number)
	}
	return ""
}

// read brings the context of a place into the scratch.
func (x *examiner) read(p *feedback.Place) { x.context = p.AppendContext(x.context[:0]) }

// group is the number of the place's group, −1 for none. The place was read.
func (x *examiner) group(p *feedback.Place, create bool) int {
	layout := x.text(x.o.Layout)
	if len(layout) > maxLayout {
		layout = layout[:maxLayout]
		for !utf8.ValidString(layout) {
			layout = layout[:len(layout)-1]
		}
	}
	hash := xxh3.HashStringSeed(layout, p.Scene)
	if g, ok := x.groups[hash]; ok {
		return g
	}
	scene, known := x.scenes[p.Scene]
	if !known && p.Scene != 0 {
		scene = "scene " + strconv.FormatUint(p.Scene, 16) // configured no more
	}
	g := x.estimator.Find(scene, layout)
	if g < 0 && create {
		g = x.estimator.Group(scene, strings.Clone(layout))
	}
	if g >= 0 {
		x.groups[hash] = g
	}
	return g
}

// Theta implements feedback.Examiner.
func (x *examiner) Theta(p *feedback.Place) (float32, bool) {
	if x.estimator.Method() == examination.Fixed {
		return 0, false
	}
	x.read(p)
	return x.estimator.Theta(x.group(p, false), int(p.Position))
}

// Judge implements feedback.Examiner.
func (x *examiner) Judge(p *feedback.Place, j feedback.Judgement) {
	x.read(p)
	o := examination.Outcome{
		Group: x.group(p, true), Position: int(p.Position), Item: p.Item, P: j.P, Positive: j.Positive, Time: int64(j.Exposed),
	}
	switch {
	case p.Mate > 0:
		o.Placing, o.Mate = examination.Paired, int(p.Mate)
	case x.o.Drawn != "" && x.text(x.o.Drawn) == x.o.Is:
		o.Placing = examination.Drawn
	}
	if x.o.Query != "" {
		o.Query = xxh3.HashString(x.text(x.o.Query))
	}
	x.estimator.Observe(&o)
}

// weigher is the engine's weights as the join sees them.
type weigher struct{ e *Engine }

// Raw implements feedback.Weigher.
func (w weigher) Raw(item string, propensity float64) float32 {
	var shown uint64
	if w.e.Weights.Counts() {
		if ref, ok := w.e.Features.LookupItem(item); ok {
			w.e.Features.Counts(ref, func(eventType string, n uint64) {
				if eventType == "exposure" {
					shown = n
				}
			})
		}
	}
	return float32(w.e.Weights.Raw(propensity, shown))
}

// Shown implements feedback.Weigher.
func (w weigher) Shown(raw float32) float32 { return float32(w.e.Weights.Shown(float64(raw))) }

// examine lets the join ask for positions and weights what is to be asked.
func (e *Engine) examine(o *feedback.Options) error {
	if e.opts.FeaturesOnly {
		return nil
	}
	if e.Weights != nil {
		o.Weigher = weigher{e}
	}
	if e.Parts.Examination == nil {
		return nil
	}
	if e.opts.Tap != nil && e.Parts.Examination.Method() == examination.EM {
		return errors.New("engine: θ by em needs predictions, which nobody makes beside a tap: choose another method")
	}
	o.Examiner, o.Judged = newExaminer(e.Parts.Examination, e.opts.Examination), e.opts.Examination.Head
	return nil
}

// examinationSets are the tables of what is estimated of positions and weights.
func (e *Engine) examinationSets() (sets []*dirty.Set) {
	if e.Parts.Examination != nil {
		sets = append(sets, e.Parts.Examination.Sets()...)
	}
	if e.Weights != nil {
		sets = append(sets, e.Weights.Sets()...)
	}
	return sets
}

// loadExamination takes an entry of the tables above; false: it is of none.
func (e *Engine) loadExamination(key, value []byte, sum dirty.Sum) (bool, error) {
	if e.Weights != nil {
		if ok, err := e.Weights.Load(key, value, sum); ok {
			return true, err
		}
	}
	if e.Parts.Examination == nil {
		return false, nil
	}
	return e.Parts.Examination.Load(key, value, sum)
}

// Positions are the estimates of what is looked at, as of the last step of event time; nil when there are none.
func (e *Engine) Positions() []examination.Report {
	if e.Parts.Examination == nil {
		return nil
	}
	return e.Parts.Examination.Reports()
}

// examinationCollector exports the estimates and weights when they are asked for.
type examinationCollector struct {
	engine                                  *Engine
	theta, low, high, effective, force      *prometheus.Desc
	outcomes, weights, mean, weighEffective *prometheus.Desc
}

// NewExaminationCollector exports θ by every method, with its interval and effective number, what is in force, and what the weights
// of impressions were.
func NewExaminationCollector(e *Engine) prometheus.Collector {
	place := []string{"scene", "layout", "position"}
	by := append(place[:3:3], "method")
	return &examinationCollector{
		engine: e,
		theta: prometheus.NewDesc("recsvc_examination_theta",
			"Estimated probability that a position is looked at, relative to the first, by method.", by, nil),
		low:  prometheus.NewDesc("recsvc_examination_theta_low", "Lower end of its interval of 95 %.", by, nil),
		high: prometheus.NewDesc("recsvc_examination_theta_high", "Upper end of its interval of 95 %.", by, nil),
		effective: prometheus.NewDesc("recsvc_examination_effective",
			"Effective number of outcomes that the estimate rests upon.", by, nil),
		force: prometheus.NewDesc("recsvc_examination_in_force", "The estimate that learning goes by; absent where the configured table holds.", place, nil),
		outcomes: prometheus.NewDesc("recsvc_examination_outcomes",
			"Outcomes by what became of them, over the life of the state: taken, refused; of those taken: drawn, matched.", []string{"what"}, nil),
		weights:        prometheus.NewDesc("recsvc_feedback_weighed", "Impressions that were weighed, over the life of the state.", nil, nil),
		mean:           prometheus.NewDesc("recsvc_feedback_weight_mean", "Mean of their weights before they are normalised.", nil, nil),
		weighEffective: prometheus.NewDesc("recsvc_feedback_weight_effective", "Effective number of impressions, by their weights.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *examinationCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.theta, c.low, c.high, c.effective, c.force, c.outcomes, c.weights, c.mean, c.weighEffective,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *examinationCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
	}
	reports := c.engine.Positions()
	for i := range reports {
		r := &reports[i]
		for m := examination.Swaps; m <= examination.EM; m++ {
			for k, e := range r.Of(m) {
				if e.Effective == 0 {
					continue
				}
				labels := []string{r.Scene, r.Layout, strconv.Itoa(k + 1), m.String()}
				gauge(c.theta, e.Theta, labels...)
				gauge(c.low, e.Low, labels...)
				gauge(c.high, e.High, labels...)
				gauge(c.effective, e.Effective, labels...)
			}
		}
		for k, theta := range r.Force {
			if theta > 0 {
				gauge(c.force, float64(theta), r.Scene, r.Layout, strconv.Itoa(k+1))
			}
		}
	}
	if len(reports) > 0 {
		n := reports[0].Counters
		for what, count := range map[string]uint64{"taken": n.Outcomes, "refused": n.Refused, "drawn": n.Drawn, "matched": n.Matched} {
			gauge(c.outcomes, float64(count), what)
		}
	}
	if c.engine.Weights != nil {
		w := c.engine.Weights.Report()
		gauge(c.weights, w.N)
		gauge(c.mean, w.Mean)
		gauge(c.weighEffective, w.Effective)
	}
}
