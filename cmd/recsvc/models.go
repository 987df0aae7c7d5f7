package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/drift"
	"recsvc/internal/event"
	"recsvc/internal/model"
)

// champion is the model that serves at this moment.
func (a *app) champion() *model.Model {
	m, _ := a.engine.Champion()
	return m
}

// role is what a model does at this moment: a promote moves the champion, and leaves the one of before a challenger.
func (a *app) role(i int) string {
	_, champion := a.engine.Champion()
	role := a.config.Models[i].Role
	switch {
	case i == champion:
		return roleChampion
	case role == roleChampion:
		return roleChallenger
	}
	return role
}

// The roles of models, as in the configuration.
const (
	roleChampion   = "champion"
	roleChallenger = "challenger"
	roleShadow     = "shadow"
)

// modelRoom shows the models to the API.
type modelRoom struct{ *app }

// Models implements api.Models.
func (r *modelRoom) Models() []api.ModelStatus { return r.modelStatuses() }

func (r *modelRoom) find(name string) (int, error) {
	i := slices.IndexFunc(r.models, func(m *model.Model) bool { return m.Name() == name })
	if i < 0 {
		return 0, fmt.Errorf("model %q: %w", name, api.ErrNotFound)
	}
	return i, nil
}

// Change implements api.Models: a control record goes into the log, and takes effect where it stands there.
func (r *modelRoom) Change(ctx context.Context, name string, c api.ModelChange) (api.ModelStatus, error) {
	i, err := r.find(name)
	if err != nil {
		return api.ModelStatus{}, err
	}
	t := event.Tuning{Model: name, Frozen: c.Frozen, Reason: c.Reason}
	for _, head := range slices.Sorted(maps.Keys(c.Alpha)) {
		if _, ok := r.models[i].Find(head); !ok {
			return api.ModelStatus{}, fmt.Errorf("%w: alpha: model %q has no head %q", api.ErrBadRequest, name, head)
		}
		t.Rates = append(t.Rates, event.Rate{Head: head, Alpha: c.Alpha[head]})
	}
	if c.Refresh != nil {
		d, ok := event.ParseRefresh(*c.Refresh)
		if !ok {
			return api.ModelStatus{}, fmt.Errorf("%w: refresh: must be online, or a duration of 1s to 8784h, such as 1h", api.ErrBadRequest)
		}
		t.Refresh = &d
	}
	return r.control(ctx, i, t.Control())
}

// Health implements api.Models.
func (r *modelRoom) Health() api.Supervision {
	if r.doctor == nil {
		return api.Supervision{}
	}
	return r.doctor.status()
}

// Quarantine implements api.Models.
func (r *modelRoom) Quarantine() []api.QuarantinedSample { return r.quarantine() }

// Promote implements api.Models.
func (r *modelRoom) Promote(ctx context.Context, name string, p api.Promotion) (api.ModelStatus, error) {
	i, err := r.find(name)
	if err != nil {
		return api.ModelStatus{}, err
	}
	switch r.role(i) {
	case roleChampion:
		return r.modelStatus(i), nil
	case roleShadow:
		return api.ModelStatus{}, fmt.Errorf("%w: %s is a shadow, which never serves: make it a challenger in the configuration", api.ErrConflict, name)
	}
	if amiss := r.doctor.gate(i); len(amiss) > 0 && !p.Force {
		return api.ModelStatus{}, fmt.Errorf("%w: %s may not be promoted: %s; give force to do it all the same", api.ErrConflict, name, strings.Join(amiss, "; "))
	}
	return r.control(ctx, i, event.Promotion{Model: name, Reason: p.Reason}.Control())
}

// control takes a control record of a model into the log and returns how the model stands then.
func (r *modelRoom) control(ctx context.Context, i int, c *event.Control) (api.ModelStatus, error) {
	if err := c.Check(); err != nil {
		var wrong *event.Error
		if errors.As(err, &wrong) { // the fields of the request are the record's attributes
			err = &event.Error{Reason: wrong.Reason, Pointer: strings.TrimPrefix(wrong.Pointer, "/attributes"), Detail: wrong.Detail}
		}
		return api.ModelStatus{}, fmt.Errorf("%w: %w", api.ErrBadRequest, err)
	}
	_, err := r.say(ctx, []event.Record{{Kind: event.KindControl, Received: event.FromTime(time.Now()), Control: c}})
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	if err != nil {
		return api.ModelStatus{}, err
	}
	return r.modelStatus(i), nil
}

// modelStatuses describe all models: the champion first, then the others in the order of the configuration.
func (a *app) modelStatuses() []api.ModelStatus {
	if a.follow != nil {
		return a.follow.statuses()
	}
	_, champion := a.engine.Champion()
	out := []api.ModelStatus{a.modelStatus(champion)}
	for i := range a.models {
		if i != champion {
			out = append(out, a.modelStatus(i))
		}
	}
	return out
}

func (a *app) modelStatus(i int) api.ModelStatus {
	m := a.models[i]
	stands := a.engine.Standing(i)
	out := api.ModelStatus{
		Name: m.Name(), Role: a.role(i), Version: modelAt(m, a.engine.Applied()), Weights: a.weights.of(m),
		Refresh: event.RefreshText(stands.Refresh), Frozen: stands.Frozen, Heads: map[string]api.HeadMetrics{},
	}
	if stands.Published != 0 {
		out.Published = &stands.Published
	}
	out.Drift, out.Training = a.detectors(m.Name()), a.schedule.status(i)
	if a.doctor != nil {
		v := a.doctor.verdict(i)
		out.Health = api.ModelHealth{State: v.state(), Reasons: slices.Concat(v.failing, v.watched)}
	}
	for at, h := range m.Heads() {
		window := apiMetrics(h.Validation().Recent())
		hyper := api.HeadHyper{Alpha: a.config.Models[i].Heads[at].Alpha, Calibration: a.config.Models[i].Heads[at].Calibration}
		if alpha := stands.Alpha[at]; alpha != 0 {
			hyper.Alpha, hyper.Tuned = alpha, true
		}
		out.Heads[h.Name()] = api.HeadMetrics{
			Metrics: apiMetrics(h.Validation().Total()), Window: &window, Hyper: &hyper,
			Spans: spanMetrics(h.Validation()), Users: userMetrics(h.Validation()), Slices: sliceMetrics(h.Validation()),
		}
	}
	return out
}

// detectors are those that watch the heads of a model.
func (a *app) detectors(model string) (list []api.Detector) {
	for _, h := range a.engine.Health().Heads {
		if h.Model != model {
			continue
		}
		for _, d := range h.Detectors {
			list = append(list, apiDetector(h.Head, d))
		}
	}
	return list
}

func apiDetector(head string, d drift.DetectorReport) api.Detector {
	out := api.Detector{
		Head: head, Detector: d.Name, Column: d.Column, Value: defined(d.Value), Up: int64(d.Alarms.Up), Down: int64(d.Alarms.Down),
	}
	if at := event.Time(d.Alarms.At); at != 0 {
		out.Last = &at
	}
	return out
}
