package engine

import (
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/model"
)

// calibratedModel is ctrModel with its first head calibrated.
func calibratedModel(t *testing.T, name string, kind model.Calibration) *model.Model {
	t.Helper()
	rate := model.Hyper{Alpha: 0.1, Beta: 1}
	return must(model.New(model.Options{Name: name, Bits: 14, Heads: []model.HeadOptions{
		{Name: "click", Hyper: rate, Calibration: kind}, {Name: "long_dwell", Hyper: rate},
	}}))(t)
}

// openCalibrated opens an engine whose three models differ in the calibration of their first heads.
func openCalibrated(t *testing.T, dir string, change ...func(*Options)) *rig {
	t.Helper()
	models := []*model.Model{
		calibratedModel(t, "raw", model.Uncalibrated), calibratedModel(t, "platt", model.Platt), calibratedModel(t, "isotonic", model.Isotonic),
	}
	return openSide(t, dir, models, append(change, func(o *Options) { o.Feedback.Heads[2].Raw, o.Feedback.Heads[4].Raw = true, true })...)
}

func TestCalibratedModelsAreTheSameWhateverTheCutsAndRestarts(t *testing.T) {
	log := makeTraffic(51, 3000)
	want := openCalibrated(t, t.TempDir()).run(log)
	dir := t.TempDir()
	for _, end := range []int{300, 301, 1200} {
		openCalibrated(t, dir).run(log[:end])
	}
	openCalibrated(t, dir).run(log, 7, 1).sameAs(t, want)
	if want.heads[0] == want.heads[2] || want.heads[0] == want.heads[4] {
		t.Error("calibration has made no difference to what was predicted at capture")
	}
	if want.heads[1] != want.heads[3] || want.heads[1] != want.heads[5] {
		t.Error("heads without a calibration differ")
	}
}

func TestTheCalibratedPredictionIsServedAndCompared(t *testing.T) {
	l := openCalibrated(t, t.TempDir(), func(o *Options) { o.Champion = 1 }).follow()
	for i := range 200 {
		e := behaviour("exposure", "u1", "i1", at(float64(i)))
		e.Event.Request = string(rune('a' + i))
		l.append(e)
		if i%20 == 0 {
			c := behaviour("click", "u1", "i1", at(float64(i)+0.1))
			c.Event.Request = e.Event.Request
			l.append(c)
		}
	}
	l.append(tick(at(1000)))
	shared, own := l.vectors("u1", "i1", nil, at(1000))
	p := make([]float32, l.lineup.width)
	l.lineup.predict(p, shared, own)
	h := l.Models[1].Head(0)
	if served := h.Probability(h.Logit(shared, own)); served != p[2] || p[2] == p[0] {
		t.Errorf("served %v, at capture %v, uncalibrated %v", served, p[2], p[0])
	}
	if raw := float32(h.Logit(shared, own)); p[6] != raw {
		t.Errorf("the raw logit at capture is %v, want %v", p[6], raw)
	}
	l.stop()
}

func TestAnotherRateLeavesPredictionsAsTheyAreAndHoldsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	l := openSide(t, dir, twoModels(t)).follow()
	show := func(l *live, request string, seconds float64) {
		e, c := behaviour("exposure", "u1", "i1", at(seconds)), behaviour("click", "u1", "i1", at(seconds+1))
		e.Event.Request, c.Event.Request = request, request
		l.append(e, c)
	}
	says := func(l *live) [4]float32 {
		shared, own := l.vectors("u1", "i1", nil, at(100))
		var p [4]float32
		l.lineup.predict(p[:], shared, own)
		return p
	}
	show(l, "r1", 1)
	before := says(l)
	l.append(tuning(event.Tuning{Model: "ctr", Rates: []event.Rate{{Head: "click", Alpha: 1}, {Head: "gone", Alpha: 2}}}))
	if after := says(l); after != before {
		t.Errorf("%v became %v", before, after)
	}
	if s := l.Standing(0); s.Alpha[0] != 1 || s.Alpha[1] != 0 || l.Models[0].Head(0).Hyper().Alpha != 1 {
		t.Errorf("%+v", s)
	}
	log := l.log
	l.stop()
	again := openSide(t, dir, twoModels(t)).follow()
	again.log = log
	if got := again.Models[0].Head(0).Hyper().Alpha; got != 1 || says(again) != before {
		t.Errorf("after the restart the rate is %v, and it says %v, want %v", got, says(again), before)
	}
	show(again, "r2", 10)
	log = again.log
	want := again.stop()
	if got := openSide(t, t.TempDir(), twoModels(t)).run(log); got.checkpoint.Digest != want.checkpoint.Digest {
		t.Error("learned anew from the log, the state is another")
	}
}
