package event

import "encoding/base64"

// decodeServed reads the JSON form of a served list.
func (d *Decoder) decodeServed(raw []byte) (*Served, error) {
	s := &Served{}
	d.object(raw, func(name string) uint8 {
		switch name {
		case "request":
			s.Request = d.id(name)
			return 1
		case "user":
			s.User = d.id(name)
			return 2
		case "scene":
			s.Scene = d.text(name)
			return 3
		case "ts":
			s.Time = d.time(name)
			return 4
		case "model":
			s.Model = d.text(name)
			return 5
		case "variant":
			s.Variant = d.text(name)
			return 6
		case "context":
			s.Context = d.flatMap(name, nullIsRemoval)
			return 7
		case "items":
			s.Items = d.servedItems(name)
			return 8
		case "swap":
			s.Swap = d.swap(name)
			return 9
		}
		return 0
	})
	return s, d.end()
}

// swap reads a pair of positions.
func (d *Decoder) swap(field string) (pair [2]int32) {
	if d.null() {
		return pair
	}
	if d.scan.peek() != '[' {
		d.wrongType(field, "an array of two positions")
		return pair
	}
	n := 0
	for ok := d.scan.firstElement(); ok; ok = d.scan.nextElement() {
		if at := d.position(field); n < len(pair) {
			pair[n] = at
		}
		n++
	}
	if s := (Served{Swap: pair}); n != len(pair) || !s.swappable() {
		d.refuse(ReasonOutOfRange, field, "must be two positions, the higher one, which has the lower number, first")
		return [2]int32{}
	}
	return pair
}

// swappable reports whether Swap is a pair of positions.
func (s *Served) swappable() bool { return s.Swap[0] >= 1 && s.Swap[0] < s.Swap[1] }

// servedItems reads the slots of a served list.
func (d *Decoder) servedItems(field string) []ServedItem {
	if d.null() {
		return nil
	}
	if d.scan.peek() != '[' {
		d.wrongType(field, "an array")
		return nil
	}
	d.slots = d.slots[:0]
	outer := d.scope
	d.scope = field
	for ok := d.scan.firstElement(); ok; ok = d.scan.nextElement() {
		if d.scan.peek() != '{' {
			d.wrongType("", "an array of objects")
			continue
		}
		d.slots = append(d.slots, d.servedItem())
	}
	d.scope = outer
	return d.slabs.served.clone(d.slots)
}

func (d *Decoder) servedItem() (slot ServedItem) {
	d.members(func(name string) uint8 {
		switch name {
		case "item":
			slot.Item = d.id(name)
			return 1
		case "score":
			slot.Score, _ = d.number(name)
			return 2
		case "propensity":
			slot.Propensity = d.propensity(name)
			return 3
		}
		return 0
	})
	return slot
}

// decodeControl reads the JSON form of a control record.
func (d *Decoder) decodeControl(raw []byte) (*Control, error) {
	c := &Control{}
	d.object(raw, func(name string) uint8 {
		switch name {
		case "type":
			c.Type = d.id(name)
			return 1
		case "attributes":
			c.Attrs = d.flatMap(name, nullIsRemoval)
			return 2
		}
		return 0
	})
	return c, d.end()
}

// decodeTick reads the JSON form of a tick.
func (d *Decoder) decodeTick(raw []byte) (*Tick, error) {
	t := &Tick{}
	d.object(raw, func(name string) uint8 {
		if name != "ts" {
			return 0
		}
		t.Time = d.time(name)
		return 1
	})
	return t, d.end()
}

// decodeDeadLetter reads the JSON form of a dead letter, its bytes in base64.
func (d *Decoder) decodeDeadLetter(raw []byte) (*DeadLetter, error) {
	l := &DeadLetter{}
	d.object(raw, func(name string) uint8 {
		switch name {
		case "source":
			l.Source = d.text(name)
			return 1
		case "reason":
			l.Reason = d.text(name)
			return 2
		case "detail":
			l.Detail = d.text(name)
			return 3
		case "place":
			l.Place = d.text(name)
			return 4
		case "bytes":
			l.Bytes = d.base64(name)
			return 5
		case "size":
			l.Size = d.size(name)
			return 6
		}
		return 0
	})
	return l, d.end()
}

func (d *Decoder) base64(field string) []byte {
	text := d.text(field)
	if text == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		d.refuse(ReasonWrongType, field, "must be base64")
		return nil
	}
	return b
}

// size reads a length in bytes that float64 represents exactly.
func (d *Decoder) size(field string) int64 {
	f, ok := d.number(field)
	if ok && (f < 0 || f > 1<<53) {
		d.refuse(ReasonOutOfRange, field, "must be a length")
		return 0
	}
	return int64(f)
}

// object reads the record as an object of named fields. field reads the value of the field that it is asked
// for and returns the number of the field; 0: it knows no such field, and has read nothing.
func (d *Decoder) object(raw []byte, field func(name string) uint8) {
	if d.begin(raw) {
		d.members(field)
	}
}

// members reads the members of the object that the scanner stands at; field is that of object.
func (d *Decoder) members(field func(name string) uint8) {
	var seen fields
	for name, ok := d.scan.firstKey(); ok; name, ok = d.scan.nextKey() {
		n := field(name)
		if n == 0 {
			d.unknown()
			continue
		}
		if bit := fields(1) << n; seen&bit != 0 {
			d.duplicate(name)
		} else {
			seen |= bit
		}
	}
}
