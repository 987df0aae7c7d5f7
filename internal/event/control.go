package event

import "fmt"

// RestoreControl is the type of the control record that rolls the model back to a snapshot. Its parameters, all texts:
// snapshot, the id; sha256, of the content; definitions, of the features and heads that it was taken under.
const RestoreControl = "restore"

// ReasonUnknownControl refuses a control record of a type that this version does not know.
const ReasonUnknownControl = "unknown_control"

// controls are the types of control records and the texts that each of them must have.
var controls = map[string][]string{RestoreControl: {"snapshot", "sha256", "definitions"}}

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
	return nil
}

// Text returns a parameter, "" when it is absent or no text.
func (c *Control) Text(name string) string {
	if v, ok := c.Attrs.Get(name); ok && v.Kind == String {
		return v.Str
	}
	return ""
}
