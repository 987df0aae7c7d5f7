package config

import (
	"strings"
	"testing"
	"time"
)

const oneModel = "models: [{name: m, heads: [{name: click, positive: [click]}, {name: buy, positive: [purchase]}]}]\n"

func TestEstimatesOfPositionsAreOffByDefault(t *testing.T) {
	f := mustParse(t, oneModel).Feedback
	want := Examination{
		Method: "fixed", Randomised: Randomised{Is: "true"}, Positions: 20, HalfLife: 168 * time.Hour, Step: 10 * time.Minute, MinWeight: 300, Floor: 0.01,
	}
	if f.Examination != want || f.Popularity != (Popularity{Clip: 10}) || f.NormaliseWeights {
		t.Errorf("feedback: %+v", f)
	}
}

func TestTheHeadOfAnExaminationIsTheChampionsOrNamed(t *testing.T) {
	const two = `
models:
  - {name: old, role: challenger, heads: [{name: click, positive: [click]}]}
  - {name: new, role: champion, heads: [{name: click, positive: [click]}]}
feedback: {examination: {method: swaps, head: HEAD}}
`
	for head, want := range map[string]string{"click": "new/click", "old/click": "old/click"} {
		c := mustParse(t, strings.Replace(two, "HEAD", head, 1))
		if model, name := c.Feedback.Examination.Flat(c); model+"/"+name != want {
			t.Errorf("%s is %s/%s, want %s", head, model, name, want)
		}
	}
}

func TestAnExaminationThatMakesNoSenseIsRefusedAtItsPlace(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"examination: {method: swaps}", "feedback.examination.head: method swaps needs a head"},
		{"examination: {method: guess, head: click}", `feedback.examination.method: unknown word "guess"`},
		{"examination: {head: like}", `feedback.examination.head: no head "like" in model "m"`},
		{"examination: {head: x/click}", `feedback.examination.head: no head "click" in model "x"`},
		{"examination: {layout: device}", `feedback.examination.layout: "device" is no field of the context`},
		{"examination: {query: context.}", `feedback.examination.query: "context." is no field of the context`},
		{"examination: {randomised: {field: random}}", `feedback.examination.randomised.field: "random" is no field`},
		{"examination: {randomised: {is: ''}}", "feedback.examination.randomised.is: needs the value"},
		{"examination: {positions: 1}", "feedback.examination.positions: must lie between 2 and 100"},
		{"examination: {half_life: 1s}", "feedback.examination.half_life: must be at least 1m"},
		{"examination: {step: 1ms}", "feedback.examination.step: must be at least 1s"},
		{"examination: {min_weight: 0}", "feedback.examination.min_weight: must be above 0"},
		{"examination: {floor: 2}", "feedback.examination.floor: must lie in (0, 1]"},
		{"popularity: {exponent: 2}", "feedback.popularity.exponent: must lie in [0, 1]"},
		{"popularity: {clip: 0.5}", "feedback.popularity.clip: must be at least 1"},
		{"normalise_weights: true", "feedback.normalise_weights: there are no weights"},
	} {
		_, err := parse(t, oneModel+"feedback: {"+tc.text+"}\n")
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), ":2:") {
			t.Errorf("%s: got %v, want %q and its place", tc.text, err, tc.want)
		}
	}
}

func TestEMRefusesAModelThatSeesThePosition(t *testing.T) {
	const text = oneModel + "feedback: {examination: {method: em, head: click}}\nfeatures: [{name: place, kind: position}, {name: user, kind: attribute, field: user.id}]\n"
	if _, err := parse(t, text); err == nil || !strings.Contains(err.Error(), `given the position by feature "place"`) {
		t.Errorf("got %v", err)
	}
	blind := strings.Replace(text, "{name: m,", "{name: m, features: [user],", 1)
	if _, err := parse(t, blind); err != nil {
		t.Errorf("a model that does not see it: %v", err)
	}
	if _, err := parse(t, strings.Replace(text, "em,", "swaps,", 1)); err != nil {
		t.Errorf("another method: %v", err)
	}
}
