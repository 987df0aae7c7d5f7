package main

import (
	"container/heap"
	"math"
	"strconv"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// mode is a way to learn from outcomes that come late, or from a sample of what has none.
type mode struct {
	name   string
	head   feedback.HeadOptions
	link   model.Link
	atOnce bool // outcomes come without delay
}

const window = 30 * time.Minute

// keep is the share of negatives that the sampling modes learn.
const keep = 0.1

func modes() []mode {
	m := []mode{
		{name: "known at once", atOnce: true},
		{name: "`correct`"},
		{name: "`close`", head: feedback.HeadOptions{Delay: feedback.Close}},
		{name: "`fake_negative`", head: feedback.HeadOptions{Delay: feedback.FakeNegative}},
		{name: "`fake_negative_calibrated`", head: feedback.HeadOptions{Delay: feedback.FakeCalibrated}, link: model.Link{FakeNegatives: true}},
		{name: "`correct`, a tenth of the negatives", head: feedback.HeadOptions{Sampling: feedback.Sampling{Keep: keep}}},
		{
			name: "`correct`, a tenth, `odds`", head: feedback.HeadOptions{Sampling: feedback.Sampling{Keep: keep, Odds: true}},
			link: model.Link{Shift: math.Log(keep)},
		},
		{name: "`close`, a tenth", head: feedback.HeadOptions{Delay: feedback.Close, Sampling: feedback.Sampling{Keep: keep}}},
		{
			name: "`close`, a tenth, `odds`",
			head: feedback.HeadOptions{Delay: feedback.Close, Sampling: feedback.Sampling{Keep: keep, Odds: true}}, link: model.Link{Shift: math.Log(keep)},
		},
		{name: "`close`, a pool of 200 every 10 minutes", head: feedback.HeadOptions{Delay: feedback.Close, Sampling: feedback.Sampling{Pool: 200}}},
	}
	for i := range m {
		m[i].head.Name, m[i].head.Window = "click", window
		m[i].head.Positive = []feedback.Label{{Type: "click"}}
	}
	return m
}

// result is what came of a trial, over the exposures of its second half: of predictions made at capture.
type result struct {
	n, positives int
	logLoss      float64 // mean, in nats
	bestLoss     float64 // of who knows the truth
	calibration  float64 // Σp/Σy
	steps        int     // learned, of all of it
}

// trial drives a join and a model as the engine does.
type trial struct {
	model  *model.Model
	joiner *feedback.Joiner
	half   event.Time
	due    outcomes
	out    result
	sum    float64 // of predictions
}

// Learn implements feedback.Sink.
func (t *trial) Learn(s feedback.Step) {
	t.out.steps++
	t.model.Learn(s.Head, &model.Example{
		Shared: model.Vector(s.Shared), Own: model.Vector(s.Own), Y: s.Y, Weight: s.Weight, Theta: s.Theta,
		Correction: s.Correction, FakeNegative: s.FakeNegative,
	})
}

// Settle implements feedback.Sink.
func (t *trial) Settle(s feedback.Settled) {
	if s.Exposed < t.half {
		return
	}
	p := float64(s.P)
	t.out.n++
	t.sum += p
	if s.Positive {
		t.out.positives++
		t.out.logLoss -= math.Log(p)
		return
	}
	t.out.logLoss -= math.Log1p(-p)
}

// run is a stretch of a world, learned in one mode.
func run(m mode, seed uint64, stretch time.Duration) (result, error) {
	delay := 5 * time.Minute
	if m.atOnce {
		delay = 0
	}
	learned, err := model.New(model.Options{Name: "m", Bits: 16, Heads: []model.HeadOptions{
		{Name: "click", Hyper: model.Hyper{Alpha: 0.1}, Link: m.link},
	}})
	if err != nil {
		return result{}, err
	}
	start := event.Time(24 * time.Hour)
	t := &trial{model: learned, half: start + event.Time(stretch/2)}
	if t.joiner, err = feedback.New(feedback.Options{Heads: []feedback.HeadOptions{m.head}}, t); err != nil {
		return result{}, err
	}
	w := newWorld(seed, delay)
	for i := range w.items {
		w.items[i].until += start
	}
	interval := event.Time(float64(time.Second) / w.rate)
	best := 0.0
	c := feedback.Captured{P: make([]float32, 1), Own: feedback.Vector{Slots: make([]uint32, 3)}}
	number := 0
	for now := start; now < start+event.Time(stretch); now += interval {
		number++
		t.deliver(now)
		s := w.next(now)
		c.Own.Slots[0], c.Own.Slots[1], c.Own.Slots[2] = 1, uint32(2+s.segment), uint32(100+s.item)
		learned.Predict(c.P, model.Vector{}, model.Vector(c.Own))
		id := strconv.Itoa(number)
		e := event.Event{Type: "exposure", User: strconv.Itoa(s.segment), Item: strconv.Itoa(s.item), Request: id, Time: now}
		t.joiner.Observe(&e, t.joiner.Match(&e), &c)
		if s.after >= 0 {
			e.Type, e.Time = "click", now+event.Time(s.after)
			heap.Push(&t.due, e)
		}
		if now >= t.half {
			within := s.p
			if !m.atOnce {
				within *= 1 - math.Exp(-float64(window)/float64(delay))
			}
			best -= within*math.Log(within) + (1-within)*math.Log1p(-within)
		}
	}
	t.deliver(start + event.Time(stretch+2*window))
	t.joiner.Advance(start + event.Time(stretch+2*window) + event.Time(t.joiner.Longest()))
	r := t.out
	r.logLoss /= float64(r.n)
	r.bestLoss = best / float64(r.n)
	r.calibration = t.sum / float64(r.positives)
	return r, nil
}

// deliver hands on the outcomes that come before now, and lets time pass.
func (t *trial) deliver(now event.Time) {
	for len(t.due) > 0 && t.due[0].Time <= now {
		e := heap.Pop(&t.due).(event.Event)
		m := t.joiner.Match(&e)
		if m.Capture { // its impression is closed and forgotten
			continue
		}
		t.joiner.Observe(&e, m, nil)
	}
	t.joiner.Advance(now - event.Time(time.Second))
}

// outcomes is a heap by time.
type outcomes []event.Event

func (o outcomes) Len() int           { return len(o) }
func (o outcomes) Less(i, j int) bool { return o[i].Time < o[j].Time }
func (o outcomes) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }

// Push implements heap.Interface.
func (o *outcomes) Push(x any) { *o = append(*o, x.(event.Event)) }

// Pop implements heap.Interface.
func (o *outcomes) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}
