package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"recsvc/internal/event"
)

// rejudge judges what a letter holds as if it came now: the records that were accepted and, where a body came in parts,
// new letters for the rest. An error means that there is nothing to be accepted.
func (in *Intake) rejudge(l *Letter, now event.Time) (*Judgement, error) {
	kind, whole, err := l.origin()
	if err != nil {
		return nil, err
	}
	if kept := int64(len(l.Bytes)); kept < l.Size {
		return nil, fmt.Errorf("only the first %d of its %d bytes are kept: have it sent again", kept, l.Size)
	}
	parts, form := [][]byte{l.Bytes}, oneValue
	if whole {
		if parts, form, err = split(l.Bytes, false, in.opts.MaxRecords); err != nil {
			return nil, err
		}
	}
	j := bodyJudge{
		in: in, form: form, again: l,
		body: &Body{Kind: kind, Source: l.Source, Place: l.Place, Received: now, Bytes: l.Bytes},
	}
	if err := j.all(parts); err != nil {
		if !whole {
			err = errors.Unwrap(err) // it need not say which of one record
		}
		return nil, err
	}
	if j.out.Accepted > 0 {
		return j.out, nil
	}
	if len(j.out.Rejected) == 0 {
		return nil, errors.New("it holds no record")
	}
	first := &j.out.Rejected[0]
	text := first.Reason
	if first.Hint != "" {
		text += ": " + first.Hint
	}
	if n := len(j.out.Rejected); n > 1 {
		text = fmt.Sprintf("none of its %d records is accepted; the first: %s", n, text)
	}
	return nil, errors.New(text)
}

// kindMark stands between the place of a letter and the kind of the record that it was to be, unless that is an event.
const kindMark = '#'

// placeOf returns the place of a letter that does not come over HTTP, where the route says of what kind a record is.
func placeOf(place string, kind string) string {
	if kind == event.KindEvent.String() {
		return place
	}
	return place + string(kindMark) + kind
}

// origin tells what a letter was to be: a record of a kind, or a whole body of such.
func (l *Letter) origin() (kind event.Kind, whole bool, err error) {
	if l.Source == "http" {
		route, _, record := strings.Cut(l.Place, "[")
		switch route {
		case "/v1/events":
			return event.KindEvent, !record, nil
		case "/v1/items":
			return event.KindItem, !record, nil
		case "/v1/users":
			return event.KindUser, !record, nil
		}
		return 0, false, fmt.Errorf("it came to %.64q, which takes no records", l.Place)
	}
	i := strings.LastIndexByte(l.Place, kindMark)
	if i < 0 {
		return event.KindEvent, false, nil
	}
	kind, err = event.ParseKind(l.Place[i+1:])
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("it is of no kind that this version knows: %w", err)
	case kind != event.KindEvent && kind != event.KindItem && kind != event.KindUser:
		return 0, false, fmt.Errorf("it is a record of %v, which the server alone writes", kind)
	}
	return kind, false, nil
}

// complete gives an event what it would have got when it came for the first time, and an id that is the same however often
// it is retried: a retry that is broken off leaves the letter behind, and the event counts once all the same.
func (l *Letter) complete(i int, rec *event.Record) {
	if rec.Kind != event.KindEvent {
		return
	}
	if rec.Event.Time == 0 {
		rec.Event.Time = l.Received
	}
	if rec.Event.ID == "" {
		rec.Event.ID = "letter:" + event.Cursor{l.place()}.String() + ":" + strconv.Itoa(i)
	}
}
