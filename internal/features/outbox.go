package features

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Output is a match that waits to be sent. It stays until a record of the log says that it is delivered.
type Output struct {
	ID        string
	Pattern   string
	Partition int32 // of the log, in which its delivery is acknowledged
	Made      event.Time
	Body      []byte // JSON; not to be changed
}

// maxOutputs bounds the outbox. What comes when it is full is not taken in, and counted.
const maxOutputs = 100_000

// outboxTable holds the outputs that are not delivered, and, in slot 0, which patterns' matches are sent.
type outboxTable struct {
	open     map[string]bool
	byID     map[string]uint32
	slots    []Output
	free     []uint32
	set      *dirty.Set
	overflow uint64 // outputs that found no room, since the process began
}

func (t *outboxTable) init() {
	*t = outboxTable{open: map[string]bool{}, byID: map[string]uint32{}, slots: make([]Output, 1)}
	t.set = dirty.NewSet(t)
}

// put takes an output in. One with an id that is there already is the same.
func (t *outboxTable) put(o Output) {
	if _, there := t.byID[o.ID]; there {
		return
	}
	if len(t.byID) >= maxOutputs {
		t.overflow++
		return
	}
	i := t.place(o)
	t.set.Touch(i)
}

func (t *outboxTable) place(o Output) (i uint32) {
	if last := len(t.free) - 1; last >= 0 {
		i, t.free = t.free[last], t.free[:last]
		t.slots[i] = o
	} else {
		i = uint32(len(t.slots))
		t.slots = append(t.slots, o)
	}
	t.byID[o.ID] = i
	return i
}

func (t *outboxTable) remove(id string) {
	i, ok := t.byID[id]
	if !ok {
		return
	}
	t.set.Remove(i)
	delete(t.byID, id)
	t.slots[i] = Output{}
	t.free = append(t.free, i)
}

// SetOutbox says which patterns' matches go into the outbox from now on, by name and version: see [Pattern.Hook]. It belongs to the writer.
func (s *Store) SetOutbox(hooks []string) {
	s.Lock()
	defer s.Unlock()
	t := &s.outbox
	if len(hooks) == 0 {
		t.set.Remove(0)
	} else {
		t.set.Touch(0)
	}
	clear(t.open)
	for _, h := range hooks {
		t.open[strings.Clone(h)] = true
	}
}

// RemoveOutputs takes delivered outputs out of the outbox. It belongs to the writer.
func (s *Store) RemoveOutputs(ids []string) {
	s.Lock()
	defer s.Unlock()
	for _, id := range ids {
		s.outbox.remove(id)
	}
}

// DiscardOutputs empties the outbox. It belongs to the writer.
func (s *Store) DiscardOutputs() {
	s.Lock()
	defer s.Unlock()
	for _, o := range s.outbox.slots[1:] {
		if o.ID != "" {
			s.outbox.remove(o.ID)
		}
	}
}

// Outputs returns up to n outputs that skip does not leave out. The caller holds the read lock, or is the writer.
func (s *Store) Outputs(n int, skip func(id string) bool) (out []Output) {
	for _, o := range s.outbox.slots[1:] {
		if len(out) == n {
			break
		}
		if o.ID != "" && !skip(o.ID) {
			out = append(out, o)
		}
	}
	return out
}

// OutboxStats are figures of the outbox.
type OutboxStats struct {
	Waiting  int
	Overflow uint64   // that found no room, since the process began
	Open     []string // patterns with their versions whose matches are sent, sorted
	Wanted   []string // those that are declared, sorted
}

// OutboxStats returns the figures of the outbox. The caller holds the read lock, or is the writer.
func (s *Store) OutboxStats() OutboxStats {
	t := &s.outbox
	out := OutboxStats{Waiting: len(t.byID), Overflow: t.overflow, Open: t.hooks()}
	for _, p := range s.program.patterns {
		if p.hook != "" {
			out.Wanted = append(out.Wanted, p.hook)
		}
	}
	slices.Sort(out.Wanted)
	return out
}

func (t *outboxTable) hooks() (out []string) {
	for h := range t.open {
		out = append(out, h)
	}
	slices.Sort(out)
	return out
}

// AppendKey implements dirty.Table.
func (t *outboxTable) AppendKey(dst []byte, i uint32) []byte {
	return append(append(dst, prefixOut), t.slots[i].ID...)
}

// AppendValue implements dirty.Table: version | pattern | partition uvarint | made | body; of slot 0: version | the open patterns, sorted; all counted.
func (t *outboxTable) AppendValue(dst []byte, i uint32) []byte {
	dst = append(dst, outV2)
	if i == 0 {
		hooks := t.hooks()
		dst = binary.AppendUvarint(dst, uint64(len(hooks)))
		for _, h := range hooks {
			dst = appendText(dst, h)
		}
		return dst
	}
	o := &t.slots[i]
	dst = binary.AppendUvarint(appendText(dst, o.Pattern), uint64(uint32(o.Partition)))
	return appendBytes(appendWord(dst, uint64(o.Made)), o.Body)
}

func (t *outboxTable) load(key, value []byte, sum dirty.Sum) error {
	d := decoder{b: value}
	var i uint32
	if len(key) == 1 {
		for range d.count(1) {
			t.open[d.text()] = true
		}
	} else {
		o := Output{ID: string(key[1:]), Pattern: d.text(), Partition: int32(d.number(1<<32 - 1)), Made: event.Time(d.word())}
		o.Body = slices.Clone(d.bytes())
		i = t.place(o)
	}
	if d.err == nil && len(d.b) > 0 {
		d.err = errors.New("bytes after its end")
	}
	t.set.Loaded(i, sum)
	return d.err
}

// matchBody is what a receiver is told of a match.
func matchBody(p *pattern, r *run, now *sight, id MatchID, at event.Time) []byte {
	b := append([]byte(`{"id":`), quoted(id.String())...)
	b = append(append(b, `,"pattern":`...), quoted(p.name)...)
	b = append(append(b, `,"time":`...), quoted(instantText(at))...)
	b = append(append(b, `,"first":`...), quoted(instantText(r.lo))...)
	b = append(append(b, `,"event":`...), now.event.AppendJSON(nil)...)
	b = append(b, `,"steps":{`...)
	n := 0
	for i := range p.steps {
		if kept := r.keptAt(slotOf(i)); kept != nil && p.steps[i].name != "" {
			if n++; n > 1 {
				b = append(b, ',')
			}
			b = append(append(b, quoted(p.steps[i].name)...), ':')
			b = kept.event.AppendJSON(b)
		}
	}
	return append(b, "}}"...)
}

func quoted(s string) []byte { return event.AppendString(nil, s) }

func instantText(t event.Time) string { return t.Time().Format("2006-01-02T15:04:05.999999999Z07:00") }
