package event

import (
	"fmt"
	"strconv"
)

const (
	// RestoreControl is the type of the control record that rolls the model back to a snapshot. Its parameters, all texts:
	// snapshot, the id; sha256, of the content; definitions, of the features and heads that it was taken under.
	RestoreControl = "restore"

	// PurgeControl is the type of the control record that lets dead letters go: see Purge.
	PurgeControl = "purge_dead_letters"

	// OutboxControl is the type of the control record that says what becomes of the outputs of patterns: see Outbox.
	OutboxControl = "outbox"

	// InstallControl is the type of the control record that puts trained weights in the place of one model's: see Install.
	InstallControl = "install"

	// PromoteControl is the type of the control record that lets another model serve: see Promotion.
	PromoteControl = "promote"

	// TuneControl is the type of the control record that changes how a model learns and publishes: see Tuning.
	TuneControl = "tune"
)

// ReasonUnknownControl refuses a control record of a type that this version does not know.
const ReasonUnknownControl = "unknown_control"

// controls are the types of control records and the texts that each of them must have.
var controls = map[string][]string{
	RestoreControl: {"snapshot", "sha256", "definitions"},
	PurgeControl:   nil,
	OutboxControl:  nil,
	InstallControl: {"model", "snapshot", "sha256", "definitions"},
	PromoteControl: {"model"},
	TuneControl:    {"model"},
}

// Check returns an error, with the place and the reason, when c is of a type that this version does not know, or lacks
// what its type needs.
func (c *Control) Check() error {
	params, ok := controls[c.Type]
	if !ok {
		return &Error{Reason: ReasonUnknownControl, Pointer: "/type", Detail: fmt.Sprintf("%.40q is not known to this version", c.Type)}
	}
	for _, name := range params {
		if c.Text(name) == "" {
			return &Error{Reason: ReasonMissingField, Pointer: "/attributes/" + name, Detail: "must be a text"}
		}
	}
	var err error
	switch c.Type {
	case PurgeControl:
		_, err = c.Purge()
	case OutboxControl:
		_, err = c.Outbox()
	case PromoteControl:
		_, err = c.Promotion()
	case TuneControl:
		_, err = c.Tuning()
	}
	return err
}

// Text returns a parameter, "" when it is absent or no text.
func (c *Control) Text(name string) string {
	if v, ok := c.Attrs.Get(name); ok && v.Kind == String {
		return v.Str
	}
	return ""
}

// MaxPurged is how many letters one Purge may name.
const MaxPurged = 1000

// Purge names dead letters of the partition in which its control record stands: the record comes after them there, however
// the partitions are interleaved. Its parameters: letters, a list of offsets in decimal; or else before, an offset in
// decimal.
type Purge struct {
	Offsets []int64 // of the letters, 1 to MaxPurged
	Before  int64   // without Offsets: every letter with a lower offset
}

// Control returns the content of the control record.
func (p Purge) Control() *Control {
	param := Attribute{Key: "before", Value: Value{Kind: String, Str: strconv.FormatInt(p.Before, 10)}}
	if len(p.Offsets) > 0 {
		param = Attribute{Key: "letters", Value: Value{Kind: List}}
		for _, offset := range p.Offsets {
			param.Value.List = append(param.Value.List, strconv.FormatInt(offset, 10))
		}
	}
	return &Control{Type: PurgeControl, Attrs: Attributes{param}}
}

// Purge reads the parameters of a PurgeControl.
func (c *Control) Purge() (p Purge, err error) {
	letters, some := c.Attrs.Get("letters")
	if _, all := c.Attrs.Get("before"); some == all {
		return p, &Error{Reason: ReasonMissingField, Pointer: "/attributes", Detail: "must hold either letters or before"}
	}
	if !some {
		p.Before, err = parseOffset("before", c.Text("before"))
		return p, err
	}
	if n := len(letters.List); n < 1 || n > MaxPurged {
		return p, &Error{Reason: ReasonOutOfRange, Pointer: "/attributes/letters", Detail: fmt.Sprintf("must be a list of 1 to %d offsets", MaxPurged)}
	}
	for _, text := range letters.List {
		offset, err := parseOffset("letters", text)
		if err != nil {
			return Purge{}, err
		}
		p.Offsets = append(p.Offsets, offset)
	}
	return p, nil
}

func parseOffset(name, text string) (int64, error) {
	n, err := parseNatural(text, 63)
	if err != nil {
		return 0, &Error{Reason: ReasonWrongType, Pointer: "/attributes/" + name, Detail: err.Error()}
	}
	return int64(n), nil
}
