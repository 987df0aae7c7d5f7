package api

import (
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"recsvc/internal/event"
)

// ModelList holds every model: the champion first, then the others in the order of the configuration.
type ModelList struct {
	Models []ModelStatus `json:"models"`
	Health Supervision   `json:"health"`
}

// ModelStatus is one model with its progressive metrics.
type ModelStatus struct {
	Name      string                 `json:"name"`
	Role      string                 `json:"role" enum:"champion,challenger,shadow" doc:"the champion serves; a challenger may be promoted"`
	Version   string                 `json:"version" doc:"name@version"`
	Weights   int64                  `json:"weights" doc:"that are not zero"`
	Refresh   string                 `json:"refresh" doc:"online, or the event time between two publications of what it has learned, such as 1h"`
	Published *event.Time            `json:"published,omitempty" doc:"with a refresh: up to where in event time what it predicts with has been learned"`
	Frozen    bool                   `json:"frozen" doc:"learning rests; it goes on predicting"`
	Heads     map[string]HeadMetrics `json:"heads"`
	Health    ModelHealth            `json:"health"`
	Drift     []Detector             `json:"drift" doc:"what watches the outcomes of its heads"`
	Training  *Training              `json:"training,omitempty" doc:"while it is made anew from the log; until that has ended it learns and predicts as before"`
}

// Training is how far a model is that is made anew from the log, beside the stream.
type Training struct {
	Since    time.Time `json:"since" doc:"when it began"`
	Stage    string    `json:"stage" doc:"read, pass 1 of 2 and so on, then catch up"`
	Progress float64   `json:"progress" doc:"of the stage, from 0 to 1"`
}

// Detector is what watches a stream of numbers for change, and how it stands.
type Detector struct {
	Head     string      `json:"head,omitempty"`
	Detector string      `json:"detector" enum:"adwin,page_hinkley,label_rate,psi,mixture"`
	Column   string      `json:"column,omitempty" doc:"of inputs: the feature, or the prediction as model/head"`
	Value    *float64    `json:"value" doc:"adwin: mean loss of its window; page_hinkley, mixture: share of the threshold; label_rate: deviations; psi: index"`
	Up       int64       `json:"up" doc:"how often it has called a rise, or that a distribution has moved"`
	Down     int64       `json:"down"`
	Last     *event.Time `json:"last,omitempty" doc:"event time of the last call"`
}

// Supervision is what is watched beside the models, and what was done about it.
type Supervision struct {
	Inputs   []Detector       `json:"inputs" doc:"what watches features and predictions"`
	Refused  map[string]int64 `json:"refused" doc:"samples that were not learned, by reason, over the life of the state"`
	Rollback *Rollback        `json:"rollback,omitempty" doc:"the last time that other weights were put in place; absent: never"`
	Healthy  string           `json:"healthy" doc:"the snapshot that would be gone back to; empty: none yet"`
}

// Rollback is a time at which the log has put other weights in place.
type Rollback struct {
	Snapshot string     `json:"snapshot"`
	Reason   string     `json:"reason"`
	At       event.Time `json:"at"`
	Count    int64      `json:"count" doc:"of all roll-backs and restores"`
}

// Quarantine holds the latest samples that were not learned, newest first.
type Quarantine struct {
	Samples []QuarantinedSample `json:"samples"`
}

// QuarantinedSample is a sample that a head has refused.
type QuarantinedSample struct {
	Head     string     `json:"head" doc:"model/head"`
	Reason   string     `json:"reason" enum:"label,weight,theta,value,magnitude"`
	Record   string     `json:"record" doc:"partition-offset of the record that was applied when it was to be learned"`
	Shown    event.Time `json:"shown"`
	Y        float64    `json:"y"`
	Weight   float64    `json:"weight"`
	Theta    float64    `json:"theta"`
	Greatest float64    `json:"greatest" doc:"greatest value of a feature, by size"`
}

// ModelHealth says whether a model is fit to serve.
type ModelHealth struct {
	State   string   `json:"state" enum:"ok,watched,failing" doc:"watched: something is amiss; failing: it should not serve"`
	Reasons []string `json:"reasons" doc:"why it is not ok"`
}

// HeadMetrics are progressive: each prediction was made before its label was known.
type HeadMetrics struct {
	Metrics
	Window *Metrics   `json:"window,omitempty" doc:"the same over the latest examples"`
	Hyper  *HeadHyper `json:"hyper,omitempty" doc:"how it learns"`

	Spans  []SpanMetrics  `json:"spans,omitempty" doc:"the same over stretches of event time, the latest whose outcomes are all final"`
	Users  *UserMetrics   `json:"users,omitempty" doc:"how well the items shown to one person are told apart"`
	Slices []SliceMetrics `json:"slices,omitempty" doc:"the same by slice, as configured; not in the status"`
}

// SpanMetrics are those of what was shown within a stretch of event time.
type SpanMetrics struct {
	Span string    `json:"span" doc:"such as 24h"`
	End  time.Time `json:"end" doc:"where it ends"`
	Metrics
}

// UserMetrics are over users with both outcomes, of the latest 64 outcomes of each.
type UserMetrics struct {
	AUC   *float64 `json:"auc" doc:"mean over users"`
	GAUC  *float64 `json:"gauc" doc:"mean over users, each counting as often as something was shown to them"`
	N     int      `json:"n" doc:"users with both outcomes"`
	Share float64  `json:"share" doc:"of all users that are sampled, by hash"`
}

// SliceMetrics are those of what has one value in one dimension.
type SliceMetrics struct {
	Slice string `json:"slice" doc:"scene, variant, context.KEY or user.KEY"`
	Value string `json:"value" doc:"(none) where there is none; (other): one that came when enough were told apart"`
	Metrics
}

// HeadHyper are the parameters of a head's learner that are in force.
type HeadHyper struct {
	Alpha       float64 `json:"alpha" doc:"learning rate"`
	Calibration string  `json:"calibration" enum:"none,platt,isotonic" doc:"how its probabilities are put right"`
	Tuned       bool    `json:"tuned" doc:"the rate is one that the log has given, not the configured one"`
}

// ModelChange is what may be changed of a model while it runs. What is absent stays.
type ModelChange struct {
	Alpha   map[string]float64 `json:"alpha,omitempty" doc:"learning rates by head; predictions do not change at that moment"`
	Refresh *string            `json:"refresh,omitempty" doc:"online, or a duration of 1s to 8784h, such as 1h"`
	Frozen  *bool              `json:"frozen,omitempty" doc:"true: learning rests"`
	Reason  string             `json:"reason,omitempty" maxLength:"1000" doc:"kept in the log"`
}

// Promotion lets a model serve.
type Promotion struct {
	Reason string `json:"reason,omitempty" maxLength:"1000" doc:"kept in the log"`
	Force  bool   `json:"force,omitempty" doc:"promote it although it does not pass the gate"`
}

func (a *API) models() (Models, error) {
	if a.rooms.Models == nil {
		return nil, fmt.Errorf("models: %w: a process that only serves has none of its own: ask its trainer", ErrUnavailable)
	}
	return a.rooms.Models, nil
}

func (a *API) getModels(w *response, _ *http.Request) error {
	room, err := a.models()
	if err != nil {
		return err
	}
	list := ModelList{Models: append([]ModelStatus{}, room.Models()...), Health: room.Health()}
	list.Health.complete()
	for i := range list.Models {
		list.Models[i].complete()
	}
	return w.json(http.StatusOK, list)
}

func (a *API) getModel(w *response, r *http.Request) error {
	room, name, err := a.model(r)
	if err != nil {
		return err
	}
	for _, m := range room.Models() {
		if m.Name == name {
			m.complete()
			return w.json(http.StatusOK, m)
		}
	}
	return fmt.Errorf("model %q: %w", name, ErrNotFound)
}

func (a *API) patchModel(w *response, r *http.Request) error {
	room, name, err := a.model(r)
	if err != nil {
		return err
	}
	var in ModelChange
	if err := a.decode(w, r, &in, true); err != nil {
		return err
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	if len(in.Alpha) == 0 && in.Refresh == nil && in.Frozen == nil {
		return faultf(http.StatusBadRequest, "body: give at least one of alpha, refresh and frozen")
	}
	a.audit(w, r)
	m, err := room.Change(r.Context(), name, in)
	if err != nil {
		return err
	}
	m.complete()
	return w.json(http.StatusOK, m)
}

func (a *API) promoteModel(w *response, r *http.Request) error {
	room, name, err := a.model(r)
	if err != nil {
		return err
	}
	var in Promotion
	if err := a.decode(w, r, &in, true); err != nil {
		return err
	}
	if err := checkReason(in.Reason); err != nil {
		return err
	}
	a.audit(w, r)
	m, err := room.Promote(r.Context(), name, in)
	if err != nil {
		return err
	}
	m.complete()
	return w.json(http.StatusOK, m)
}

func (a *API) getQuarantine(w *response, _ *http.Request) error {
	room, err := a.models()
	if err != nil {
		return err
	}
	return w.json(http.StatusOK, Quarantine{Samples: append([]QuarantinedSample{}, room.Quarantine()...)})
}

// complete turns absent lists into empty ones.
func (h *Supervision) complete() {
	h.Inputs = append([]Detector{}, h.Inputs...)
	if h.Refused == nil {
		h.Refused = map[string]int64{}
	}
}

func (a *API) model(r *http.Request) (room Models, name string, err error) {
	if room, err = a.models(); err != nil {
		return nil, "", err
	}
	name, err = pathID(r, "name")
	return room, name, err
}

// checkReason bounds a text for the log, in which it may take up to 1000 bytes.
func checkReason(reason string) error {
	if len(reason) > 1000 || !utf8.ValidString(reason) {
		return badParam("reason", "must not be longer than 1000 bytes")
	}
	return nil
}

// complete turns absent lists into empty ones.
func (m *ModelStatus) complete() {
	if m.Heads == nil {
		m.Heads = map[string]HeadMetrics{}
	}
	if m.Health.State == "" {
		m.Health.State = "ok"
	}
	m.Health.Reasons = append([]string{}, m.Health.Reasons...)
	m.Drift = append([]Detector{}, m.Drift...)
}
