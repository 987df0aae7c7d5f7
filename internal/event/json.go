package event

import "math"

// The numbers of the fields of a behaviour event, for fields; 0 is none of them.
const (
	fieldID uint8 = iota + 1
	fieldType
	fieldUser
	fieldItem
	fieldTime
	fieldRequest
	fieldPosition
	fieldPropensity
	fieldValue
	fieldText
	fieldSession
	fieldContext
)

func eventField(name string) uint8 {
	switch name {
	case "id":
		return fieldID
	case "type":
		return fieldType
	case "user":
		return fieldUser
	case "item":
		return fieldItem
	case "ts":
		return fieldTime
	case "request":
		return fieldRequest
	case "position":
		return fieldPosition
	case "propensity":
		return fieldPropensity
	case "value":
		return fieldValue
	case "text":
		return fieldText
	case "session":
		return fieldSession
	case "context":
		return fieldContext
	}
	return 0
}

// DecodeEvent reads one behaviour event. It checks every field that is there; that type and user are there
// is a rule of validation. After an error the event holds the fields that were good.
func (d *Decoder) DecodeEvent(raw []byte) (*Event, error) {
	e := d.slabs.events.one()
	if !d.begin(raw) {
		return e, d.end()
	}
	var seen fields
	for name, ok := d.scan.firstKey(); ok; name, ok = d.scan.nextKey() {
		if n := eventField(name); d.once(&seen, n, name) {
			d.eventValue(e, n, name)
		}
	}
	if e.Session == "" {
		e.Session = contextSession(e.Context)
	}
	return e, d.end()
}

// eventValue reads the value of one field.
func (d *Decoder) eventValue(e *Event, n uint8, name string) {
	switch n {
	case fieldID:
		e.ID = d.id(name)
	case fieldType:
		e.Type = sharedType(d.id(name))
	case fieldUser:
		e.User = d.id(name)
	case fieldItem:
		e.Item = d.id(name)
	case fieldTime:
		e.Time = d.time(name)
	case fieldRequest:
		e.Request = d.id(name)
	case fieldPosition:
		e.Position = d.position(name)
	case fieldPropensity:
		e.Propensity = d.propensity(name)
	case fieldValue:
		e.Value, e.HasValue = d.number(name)
	case fieldText:
		e.Text = d.text(name)
	case fieldSession:
		e.Session = d.id(name)
	case fieldContext:
		e.Context = d.flatMap(name, nullIsAbsent)
	default:
		d.unknown()
	}
}

func (d *Decoder) position(field string) int32 {
	f, ok := d.number(field)
	switch {
	case !ok:
		return 0
	case f != math.Trunc(f):
		d.refuse(ReasonWrongType, field, "must be a whole number")
		return 0
	case f < 1:
		d.refuse(ReasonOutOfRange, field, "must be at least 1")
		return 0
	case f > math.MaxInt32:
		d.refuse(ReasonOutOfRange, field, "must be at most 2147483647")
		return 0
	}
	return int32(f)
}

func (d *Decoder) propensity(field string) float64 {
	f, ok := d.number(field)
	if ok && (f <= 0 || f > 1) {
		d.refuse(ReasonOutOfRange, field, "must be above 0 and at most 1")
		return 0
	}
	return f
}

// contextSession returns context.session where it is fit to be the session.
func contextSession(context Attributes) string {
	v, ok := context.Get("session")
	if !ok {
		return ""
	}
	s := v.Str
	if v.Kind == Number {
		s = string(appendNumber(nil, v.Num))
	}
	if (v.Kind != Number && v.Kind != String) || idFault(s) != "" {
		return ""
	}
	return s
}

// deletedKey marks the removal of an item in its JSON form. No attribute can have this name.
const deletedKey = "$deleted"

// DecodeItem reads one catalogue upsert: a flat object whose `item` is the key and whose other keys are
// attributes, null removing one. `"$deleted": true` removes the item.
func (d *Decoder) DecodeItem(raw []byte) (*Item, error) {
	item := &Item{}
	item.ID, item.Attrs = d.upsert(raw, "item", func(name string) bool {
		if name != deletedKey {
			return false
		}
		item.Deleted = d.flag(name)
		return true
	})
	err := d.end()
	if item.Deleted {
		item.Attrs = nil
	}
	return item, err
}

// DecodeUser reads one profile upsert: a flat object whose `user` is the key and whose other keys are
// attributes, null removing one.
func (d *Decoder) DecodeUser(raw []byte) (*User, error) {
	user := &User{}
	user.ID, user.Attrs = d.upsert(raw, "user", func(string) bool { return false })
	return user, d.end()
}

// upsert reads a flat object. special is asked first about every key but the first.
func (d *Decoder) upsert(raw []byte, idField string, special func(name string) bool) (id string, attrs Attributes) {
	if !d.begin(raw) {
		return "", nil
	}
	d.attrs = d.attrs[:0]
	var seen fields
	for name, ok := d.scan.firstKey(); ok; name, ok = d.scan.nextKey() {
		switch {
		case name == idField:
			if d.once(&seen, 1, name) {
				id = d.id(name)
			}
		case !special(name):
			d.attribute(name, nullIsRemoval)
		}
	}
	if id == "" {
		d.refuse(ReasonMissingField, idField, "is required")
	}
	return id, d.attributes()
}

// flag reads true or false, or null as false.
func (d *Decoder) flag(field string) bool {
	switch d.scan.peek() {
	case 't':
		return d.scan.word("true")
	case 'f':
		d.scan.word("false")
		return false
	}
	if !d.null() {
		d.wrongType(field, "true or false")
	}
	return false
}
