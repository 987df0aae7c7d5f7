package event

import "fmt"

// MaxDelivered is how many outputs one Outbox may name.
const MaxDelivered = 1000

// Outbox is the content of an OutboxControl. One of its fields is set. Its parameters: open, delivered, lists of texts; discard, a text.
type Outbox struct {
	// Open names the patterns, with their versions, whose matches go into the outbox from this record on; those of all others do not.
	// Not nil, though it may be empty.
	Open []string
	// Delivered are ids of outputs that go, since they have arrived, or have been given up; 1 to MaxDelivered.
	Delivered []string
	// Discard lets all outputs go that there are, for the reason given.
	Discard string
}

// Control returns the content of the control record.
func (o Outbox) Control() *Control {
	param := Attribute{Key: "open", Value: Value{Kind: List, List: o.Open}}
	switch {
	case len(o.Delivered) > 0:
		param = Attribute{Key: "delivered", Value: Value{Kind: List, List: o.Delivered}}
	case o.Discard != "":
		param = Attribute{Key: "discard", Value: Value{Kind: String, Str: o.Discard}}
	}
	return &Control{Type: OutboxControl, Attrs: Attributes{param}}
}

// Outbox reads the parameters of an OutboxControl.
func (c *Control) Outbox() (o Outbox, err error) {
	open, opens := c.Attrs.Get("open")
	delivered, some := c.Attrs.Get("delivered")
	o.Discard = c.Text("discard")
	set := 0
	for _, is := range []bool{opens && open.Kind == List, some && delivered.Kind == List, o.Discard != ""} {
		if is {
			set++
		}
	}
	if set != 1 || len(c.Attrs) != 1 {
		return Outbox{}, &Error{Reason: ReasonMissingField, Pointer: "/attributes", Detail: "must hold one of open, delivered and discard"}
	}
	if n := len(delivered.List); some && (n < 1 || n > MaxDelivered) {
		return Outbox{}, &Error{Reason: ReasonOutOfRange, Pointer: "/attributes/delivered", Detail: fmt.Sprintf("must be a list of 1 to %d ids", MaxDelivered)}
	}
	if o.Delivered = delivered.List; opens {
		o.Open = append([]string{}, open.List...)
	}
	return o, nil
}
