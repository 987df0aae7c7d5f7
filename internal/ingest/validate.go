package ingest

import (
	"fmt"
	"slices"
	"time"

	"recsvc/internal/event"
)

// Reasons of refusal that belong to the rules and not to the wire form.
const (
	ReasonLate         = "late"          // older than the horizon: counted, no dead letter
	ReasonFuture       = "future"        // further ahead of receipt than MaxFuture
	ReasonReservedType = "reserved_type" // a type that only the server writes
)

// ValidatorOptions says which records are refused. A zero field takes the default named beside it.
type ValidatorOptions struct {
	Horizon       time.Duration // how much older than its receipt a live event may be; 24h
	MaxFuture     time.Duration // how far ahead of its receipt an event may be; 5m
	ItemlessTypes []string      // types that need no item, beside search, enter and exit
}

// Validator holds the rules that a record can be judged by alone. It is safe for concurrent use.
type Validator struct {
	opts     ValidatorOptions
	itemless map[string]bool
}

// NewValidator checks the options.
func NewValidator(opts ValidatorOptions) (*Validator, error) {
	setDefault(&opts.Horizon, 24*time.Hour)
	setDefault(&opts.MaxFuture, 5*time.Minute)
	if opts.Horizon < 0 || opts.MaxFuture < 0 {
		return nil, fmt.Errorf("validator: Horizon %v and MaxFuture %v must be positive", opts.Horizon, opts.MaxFuture)
	}
	v := &Validator{opts: opts, itemless: map[string]bool{"search": true, "enter": true, "exit": true}}
	for _, name := range opts.ItemlessTypes {
		if err := event.CheckID(name); err != nil {
			return nil, fmt.Errorf("validator: ItemlessTypes %q: %w", name, err)
		}
		v.itemless[name] = true
	}
	return v, nil
}

// Live judges what came over HTTP, by rec.Received. An event without a time gets that of its receipt. The error is an
// *event.Error; one with ReasonLate is no matter for a dead letter.
func (v *Validator) Live(rec *event.Record) error {
	if err := v.Stream(rec); err != nil {
		return err
	}
	if rec.Kind == event.KindEvent && rec.Event.Time < rec.Received.Add(-v.opts.Horizon) {
		return &event.Error{Reason: ReasonLate, Pointer: "/ts", Detail: fmt.Sprintf("older than the horizon of %v", v.opts.Horizon)}
	}
	return nil
}

// Stream judges what other producers put into the log, by rec.Received: as Live, but that an event is too late is left
// to the clock of the log. It is what KafkaOptions.Accept wants.
func (v *Validator) Stream(rec *event.Record) error {
	if err := v.Replay(rec); err != nil {
		return err
	}
	e := rec.Event
	if rec.Kind != event.KindEvent {
		return nil
	}
	if e.Time == 0 {
		e.Time = rec.Received
	}
	if e.Time > rec.Received.Add(v.opts.MaxFuture) {
		return &event.Error{Reason: ReasonFuture, Pointer: "/ts", Detail: fmt.Sprintf("more than %v ahead of its receipt", v.opts.MaxFuture)}
	}
	return nil
}

// Replay judges what comes from files, whose time of receipt means nothing.
func (v *Validator) Replay(rec *event.Record) error {
	var fault *event.Error
	switch rec.Kind {
	case event.KindEvent:
		fault = v.event(rec.Event)
	case event.KindItem:
		fault = checkItem(rec.Item)
	}
	if fault != nil {
		return fault
	}
	return nil
}

// event checks what an event must have.
func (v *Validator) event(e *event.Event) *event.Error {
	switch {
	case e.Type == "":
		return required("/type")
	case e.Type == "served" || e.Type == "control" || e.Type == "tick":
		return &event.Error{Reason: ReasonReservedType, Pointer: "/type", Detail: e.Type + " is written by the server alone"}
	case e.User == "":
		return required("/user")
	case e.Item == "" && !v.itemless[e.Type]:
		return required("/item")
	}
	return nil
}

func required(pointer string) *event.Error {
	return &event.Error{Reason: event.ReasonMissingField, Pointer: pointer, Detail: "is required"}
}

// itemFields are the attributes of an item that mean something to the server: the kinds of value they may have.
var itemFields = []struct {
	key   string
	kinds []event.ValueKind
	want  string
}{
	{"available", []event.ValueKind{event.Bool}, "true or false"},
	{"categories", []event.ValueKind{event.List, event.String}, "a list of strings"},
	{"created", []event.ValueKind{event.String, event.Number}, "a time"},
	{"price", []event.ValueKind{event.Number}, "a number"},
	{"tags", []event.ValueKind{event.List, event.String}, "a list of strings"},
	{"text", []event.ValueKind{event.String}, "a string"},
}

// checkItem refuses an item whose well-known attributes could never have the effect that its producer means.
func checkItem(item *event.Item) *event.Error {
	for _, f := range itemFields {
		v, ok := item.Attrs.Get(f.key)
		if !ok || v.Kind == event.Null {
			continue
		}
		if !slices.Contains(f.kinds, v.Kind) {
			return &event.Error{Reason: event.ReasonWrongType, Pointer: "/" + f.key, Detail: "must be " + f.want}
		}
		if f.key != "created" || v.Kind != event.String {
			continue
		}
		if _, err := event.ParseTime(v.Str); err != nil {
			return &event.Error{Reason: event.ReasonBadTime, Pointer: "/created", Detail: err.Error()}
		}
	}
	return nil
}
