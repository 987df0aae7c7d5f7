package engine

import (
	"fmt"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// openSide opens an engine with models side by side.
func openSide(t *testing.T, dir string, models []*model.Model, change ...func(*Options)) *rig {
	t.Helper()
	parts := rigParts(t, definitions())
	parts.Models = models
	return must(tryRigWith(t, dir, parts, change...))(t)
}

func TestModelsSideBySideLearnAsEachWouldAlone(t *testing.T) {
	log := makeTraffic(21, 3000)
	makers := []func() *model.Model{
		func() *model.Model { return ctrModel(t, "ctr", 14, 0.1) },
		func() *model.Model { return ctrModel(t, "wide", 16, 0.1) },
		func() *model.Model { return ctrModel(t, "slow", 14, 0.01) },
	}
	var all []*model.Model
	for _, m := range makers {
		all = append(all, m())
	}
	together := openSide(t, t.TempDir(), all).run(log)
	for i, m := range makers {
		t.Run(all[i].Name(), func(t *testing.T) {
			alone := openSide(t, t.TempDir(), []*model.Model{m()}).run(log)
			for h := range alone.heads {
				if got, want := together.heads[2*i+h], alone.heads[h]; got != want || got.N == 0 {
					t.Errorf("head %d: %+v, alone %+v", h, got, want)
				}
			}
		})
	}
	if together.heads[0] == together.heads[4] {
		t.Error("another rate has made no difference")
	}
}

func TestModelsSideBySideAreTheSameWhateverTheCutsAndRestarts(t *testing.T) {
	log := makeTraffic(22, 2000)
	models := func() []*model.Model {
		return []*model.Model{ctrModel(t, "ctr", 14, 0.1), ctrModel(t, "other", 12, 0.03)}
	}
	want := openSide(t, t.TempDir(), models()).run(log)
	dir := t.TempDir()
	for _, end := range []int{300, 301, 1200} {
		openSide(t, dir, models()).run(log[:end])
	}
	openSide(t, dir, models()).run(log, 7, 1).sameAs(t, want)
}

func TestAServedListIsComparedWithTheModelThatItNames(t *testing.T) {
	l := openSide(t, t.TempDir(), []*model.Model{ctrModel(t, "ctr", 14, 0.1), ctrModel(t, "other", 14, 0.9)}, func(o *Options) {
		o.Score = []Score{nil, byHead(1)}
	}).follow()
	for i := range 20 {
		e, c := behaviour("exposure", "u1", "i1", at(float64(i))), behaviour("click", "u1", "i1", at(float64(i)+0.5))
		e.Event.Request, c.Event.Request = fmt.Sprint("w", i), fmt.Sprint("w", i)
		l.append(e, c)
	}
	shared, own := l.vectors("u1", "i1", nil, at(30))
	p := make([]float32, 4)
	l.lineup.predict(p, shared, own)
	if p[0] == p[3] {
		t.Fatalf("both heads say %v: this would show nothing", p)
	}
	for i, tc := range []struct {
		model  string
		score  float32
		skewed uint64
	}{
		{"ctr@1", p[0], 0},
		{"ctr@1", p[3], 1},
		{"other@1", p[3], 1},
		{"other@1", p[0], 2},
		{"gone@1", 0.123, 2}, // no model of ours: nothing to compare with
	} {
		list := servedRecord(fmt.Sprint("r", i), "u1", "default", at(30), event.ServedItem{Item: "i1", Score: float64(tc.score), Propensity: 1})
		list.Served.Model = tc.model
		l.append(list)
		if got := l.Status().Skewed; got != tc.skewed {
			t.Errorf("after a list of %s with score %v: %d skewed, want %d", tc.model, tc.score, got, tc.skewed)
		}
	}
	l.stop()
}

func TestAnEngineRefusesHeadsThatTheJoinDoesNotHave(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"another order": func(o *Options) { o.Feedback.Heads = headsOf("b", "a") },
		"one too few":   func(o *Options) { o.Feedback.Heads = o.Feedback.Heads[:3] },
		"one too many": func(o *Options) {
			o.Feedback.Heads = append(o.Feedback.Heads, feedback.HeadOptions{Name: "a/more", Positive: []feedback.Label{{Type: "like"}}})
		},
		"no such champion": func(o *Options) { o.Champion = 2 },
		"a score too many": func(o *Options) { o.Score = make([]Score, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			parts := rigParts(t, definitions())
			parts.Models = []*model.Model{ctrModel(t, "a", 12, 0.1), ctrModel(t, "b", 12, 0.1)}
			if r, err := tryRigWith(t, t.TempDir(), parts, change); err == nil {
				t.Error("opened")
				_ = r.close()
			}
		})
	}
}

// byHead is the score that one head's probability is.
type byHead int

func (h byHead) Of(p []float32, _ event.Attributes) (float32, bool) { return p[h], true }

// perPrice is a score that needs a price.
type perPrice struct{}

func (perPrice) Of(p []float32, item event.Attributes) (float32, bool) {
	v, ok := item.Get("price")
	return p[0] * float32(v.Num), ok
}

func TestAScoreThatReadsTheItemIsComparedWithItsAttributesAtCapture(t *testing.T) {
	l := openSide(t, t.TempDir(), []*model.Model{ctrModel(t, "ctr", 14, 0.1)}, func(o *Options) { o.Score = []Score{perPrice{}} }).follow()
	l.append(itemRecord("dear", event.Attribute{Key: "price", Value: number(1e6)}), itemRecord("bare"))
	for i, tc := range []struct {
		item           string
		score          float64
		served, skewed uint64
	}{
		{"dear", 500_000, 1, 0},
		{"dear", 500_001, 2, 0}, // what float32 makes of it
		{"dear", 500_100, 3, 1},
		{"bare", 7, 3, 1}, // no score: recall has ordered it
	} {
		list := servedRecord(fmt.Sprint("r", i), "u1", "default", at(1), event.ServedItem{Item: tc.item, Score: tc.score, Propensity: 1})
		list.Served.Model = "ctr@1"
		l.append(list)
		if s := l.Status(); s.Served != tc.served || s.Skewed != tc.skewed {
			t.Errorf("%s served with %v: %d compared, %d skewed, want %d and %d", tc.item, tc.score, s.Served, s.Skewed, tc.served, tc.skewed)
		}
	}
	l.stop()
}
