package event

import (
	"strings"
	"time"
)

// MaxReason bounds the reason that a control record may give, in bytes.
const MaxReason = 1000

// Promotion is the content of a PromoteControl: from its place in the log on, another model serves. Its parameters, texts: model;
// reason, which may be absent.
type Promotion struct {
	Model  string
	Reason string // for people
}

// Control returns the content of the control record.
func (p Promotion) Control() *Control {
	return &Control{Type: PromoteControl, Attrs: withReason(Attributes{{Key: "model", Value: Value{Kind: String, Str: p.Model}}}, p.Reason)}
}

// Promotion reads the parameters of a PromoteControl.
func (c *Control) Promotion() (Promotion, error) {
	for _, a := range c.Attrs {
		if a.Key != "model" && a.Key != "reason" {
			return Promotion{}, unknownParam(a.Key)
		}
	}
	reason, err := c.reason()
	return Promotion{Model: c.Text("model"), Reason: reason}, err
}

// Rate is the learning rate of one head.
type Rate struct {
	Head  string
	Alpha float64 // MinAlpha to MaxAlpha
}

// MinAlpha and MaxAlpha bound learning rates: what lies beyond is a mistake, and near what float32 holds.
const (
	MinAlpha = 1e-9
	MaxAlpha = 1e6
)

// Tuning is the content of a TuneControl: how a model learns and publishes from its place in the log on. What it does not name stays.
// Its parameters: model and reason, texts; alpha/HEAD, a number, for each rate; refresh, a text such as 1h, or online; frozen, a bool.
type Tuning struct {
	Model   string
	Reason  string         // for people
	Rates   []Rate         // ascending by head; nil: they stay
	Refresh *time.Duration // 0: online, or at least MinRefresh; nil: it stays
	Frozen  *bool          // whether learning rests; nil: as it is
}

// MinRefresh and MaxRefresh bound how often a model may publish what it has learned, where not at once.
const (
	MinRefresh = time.Second
	MaxRefresh = 366 * 24 * time.Hour
)

// Online is the refresh of a model that predicts with what it has learned at once.
const Online = "online"

const ratePrefix = "alpha/"

// Control returns the content of the control record.
func (t Tuning) Control() *Control {
	var a Attributes
	for _, r := range t.Rates {
		a = append(a, Attribute{Key: ratePrefix + r.Head, Value: Value{Kind: Number, Num: r.Alpha}})
	}
	if t.Frozen != nil {
		v := Value{Kind: Bool}
		if *t.Frozen {
			v.Num = 1
		}
		a = append(a, Attribute{Key: "frozen", Value: v})
	}
	a = withReason(append(a, Attribute{Key: "model", Value: Value{Kind: String, Str: t.Model}}), t.Reason)
	if t.Refresh != nil {
		a = append(a, Attribute{Key: "refresh", Value: Value{Kind: String, Str: RefreshText(*t.Refresh)}})
	}
	return &Control{Type: TuneControl, Attrs: a}
}

// Tuning reads the parameters of a TuneControl.
func (c *Control) Tuning() (t Tuning, err error) {
	t.Model = c.Text("model")
	if t.Reason, err = c.reason(); err != nil {
		return Tuning{}, err
	}
	for _, a := range c.Attrs {
		head, rate := strings.CutPrefix(a.Key, ratePrefix)
		pointer := "/attributes/" + a.Key
		switch {
		case rate:
			if a.Value.Kind != Number || !(a.Value.Num >= MinAlpha && a.Value.Num <= MaxAlpha) {
				return Tuning{}, &Error{Reason: ReasonOutOfRange, Pointer: pointer, Detail: "must be a number from 1e-9 to 1e6"}
			}
			t.Rates = append(t.Rates, Rate{head, a.Value.Num})
		case a.Key == "frozen":
			if a.Value.Kind != Bool {
				return Tuning{}, &Error{Reason: ReasonWrongType, Pointer: pointer, Detail: "must be true or false"}
			}
			frozen := a.Value.Num != 0
			t.Frozen = &frozen
		case a.Key == "refresh":
			d, ok := ParseRefresh(a.Value.Str)
			if a.Value.Kind != String || !ok {
				return Tuning{}, &Error{Reason: ReasonOutOfRange, Pointer: pointer, Detail: "must be online, or a duration of 1s to 8784h"}
			}
			t.Refresh = &d
		case a.Key != "model" && a.Key != "reason":
			return Tuning{}, unknownParam(a.Key)
		}
	}
	if t.Rates == nil && t.Frozen == nil && t.Refresh == nil {
		return Tuning{}, &Error{Reason: ReasonMissingField, Pointer: "/attributes", Detail: "must hold one of alpha/HEAD, frozen and refresh"}
	}
	return t, nil
}

// ParseRefresh reads online, or a duration of a whole number of seconds.
func ParseRefresh(text string) (d time.Duration, ok bool) {
	if text == Online {
		return 0, true
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= MinRefresh && d <= MaxRefresh && d%time.Second == 0
}

// RefreshText is the form that ParseRefresh reads.
func RefreshText(d time.Duration) string {
	if d == 0 {
		return Online
	}
	text := d.String() // 1h0m0s
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}

func withReason(a Attributes, reason string) Attributes {
	if reason == "" {
		return a
	}
	return append(a, Attribute{Key: "reason", Value: Value{Kind: String, Str: reason}})
}

func (c *Control) reason() (string, error) {
	v, ok := c.Attrs.Get("reason")
	if ok && (v.Kind != String || len(v.Str) > MaxReason) {
		return "", &Error{Reason: ReasonOutOfRange, Pointer: "/attributes/reason", Detail: "must be a text of at most 1000 bytes"}
	}
	return v.Str, nil
}

func unknownParam(key string) error {
	return &Error{Reason: ReasonUnknownControl, Pointer: "/attributes/" + key, Detail: "is not known to this version"}
}
