package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// fakeModels are a champion, ctr, and a challenger, next; of others nothing is known.
type fakeModels struct{ *world }

func (f fakeModels) Models() []ModelStatus {
	return []ModelStatus{
		{Name: "ctr", Role: "champion", Version: "ctr@1834", Refresh: "online", Heads: map[string]HeadMetrics{"click": {Hyper: &HeadHyper{Alpha: 0.03, Calibration: "none"}}}},
		{Name: "next", Role: "challenger", Version: "next@1834", Refresh: "1h"},
	}
}

func (f fakeModels) Change(_ context.Context, name string, c ModelChange) (ModelStatus, error) {
	f.world.changed = c
	return f.find(name)
}

func (f fakeModels) Promote(_ context.Context, name string, p Promotion) (ModelStatus, error) {
	f.world.changed = ModelChange{Reason: p.Reason}
	return f.find(name)
}

func (f fakeModels) Health() Supervision { return Supervision{Healthy: "s1"} }

func (f fakeModels) Quarantine() []QuarantinedSample {
	return []QuarantinedSample{{Head: "ctr/click", Reason: "magnitude", Record: "0-12", Greatest: 1e38}}
}

func (f fakeModels) find(name string) (ModelStatus, error) {
	for _, m := range f.Models() {
		if m.Name == name {
			return m, nil
		}
	}
	return ModelStatus{}, fmt.Errorf("model %q: %w", name, ErrNotFound)
}

func TestModelsAreShownChampionFirst(t *testing.T) {
	w := newWorld(t)
	var list ModelList
	decodeStrict(t, w.want(w.do("GET", "/admin/v1/models", ""), http.StatusOK).Body.Bytes(), &list)
	if len(list.Models) != 2 || list.Models[0].Name != "ctr" || list.Models[1].Refresh != "1h" || list.Models[1].Health.State != "ok" {
		t.Errorf("%+v", list)
	}
	var one ModelStatus
	decodeStrict(t, w.want(w.do("GET", "/admin/v1/models/next", ""), http.StatusOK).Body.Bytes(), &one)
	if one.Role != "challenger" || one.Heads == nil {
		t.Errorf("%+v", one)
	}
	w.want(w.do("GET", "/admin/v1/models/gone", ""), http.StatusNotFound)
}

func TestAModelIsChangedByWhatTheBodySaysAndNothingElse(t *testing.T) {
	w := newWorld(t)
	hour, frozen := "1h", false
	for body, want := range map[string]ModelChange{
		`{"refresh":"1h"}`: {Refresh: &hour},
		`{"frozen":false}`: {Frozen: &frozen},
		`{"alpha":{"click":0.1,"like":2},"reason":"too slow"}`: {Alpha: map[string]float64{"click": 0.1, "like": 2}, Reason: "too slow"},
	} {
		w.want(w.do("PATCH", "/admin/v1/models/ctr", body), http.StatusOK)
		if !reflect.DeepEqual(w.changed, want) {
			t.Errorf("%s: %+v", body, w.changed)
		}
	}
	for _, body := range []string{
		"", "{}", `{"reason":"none"}`, `{"beta":1}`, `{"alpha":0.1}`, `{"frozen":"yes"}`, `{"frozen":true,"reason":"` + strings.Repeat("x", 1001) + `"}`,
	} {
		w.want(w.do("PATCH", "/admin/v1/models/ctr", body), http.StatusBadRequest)
	}
	w.want(w.do("PATCH", "/admin/v1/models/gone", `{"frozen":true}`), http.StatusNotFound)
	for body, says := range map[string]string{
		`{"alpha":0.1}`:             "alpha: must be an object, not a JSON number",
		`{"alpha":{"click":1e400}}`: "alpha: 1e400 is out of range",
		`{"frozen":"yes"}`:          "frozen: must be true or false, not a JSON string",
	} {
		if r := w.do("PATCH", "/admin/v1/models/ctr", body); !strings.Contains(r.Body.String(), says) {
			t.Errorf("%s: %s does not say %q", body, r.Body, says)
		}
	}
}

func TestAPromotionMayGiveAReason(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("POST", "/admin/v1/models/next/promote", ""), http.StatusOK)
	w.want(w.do("POST", "/admin/v1/models/next/promote", `{"reason":"better for a week"}`), http.StatusOK)
	if w.changed.Reason != "better for a week" {
		t.Errorf("%+v", w.changed)
	}
	w.want(w.do("POST", "/admin/v1/models/gone/promote", ""), http.StatusNotFound)
	w.want(w.do("POST", "/admin/v1/models/next/promote", `{"why":"x"}`), http.StatusBadRequest)
}

func TestWithoutModelsTheirRoutesAreUnavailable(t *testing.T) {
	w := newWorld(t, func(r *Rooms, _ *Options) { r.Models = nil })
	w.want(w.do("GET", "/admin/v1/models", ""), http.StatusServiceUnavailable)
	w.want(w.do("PATCH", "/admin/v1/models/ctr", `{"frozen":true}`), http.StatusServiceUnavailable)
	w.want(w.do("POST", "/admin/v1/models/ctr/promote", ""), http.StatusServiceUnavailable)
}

func TestTheQuarantineIsShown(t *testing.T) {
	w := newWorld(t)
	var q Quarantine
	decodeStrict(t, w.want(w.do("GET", "/admin/v1/quarantine", ""), http.StatusOK).Body.Bytes(), &q)
	if len(q.Samples) != 1 || q.Samples[0].Reason != "magnitude" || q.Samples[0].Greatest != 1e38 {
		t.Errorf("%+v", q)
	}
}
