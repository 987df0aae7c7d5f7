package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// outcome is what became of a record.
type outcome uint8

const (
	applied outcome = iota
	duplicate
	late
	deadLettered
	outcomes
)

// outcomeNames are the label values of recsvc_engine_records_total.
var outcomeNames = [outcomes]string{"applied", "duplicate", "late", "dead_lettered"}

// tally counts what became of every record of the log. It is state: each record is counted once, whatever restarts.
type tally struct {
	counts   [outcomes]uint64
	served   uint64 // items of served lists that were captured
	skewed   uint64 // of these: whose score differed from the one that was served
	received uint64 // records that the log handed out
	gaps     uint64 // places of the log without a record: before the first one that was kept, or a broker's own markers
	delayed  uint64 // of the applied: events before the watermark, within the horizon
	set      *dirty.Set
}

// A tally's value is version u8 | words u64, little-endian: one per outcome | served | skewed, in version 1; then received |
// gaps | delayed. Key: prefix.
const (
	prefixTally  = 'e'
	tallyV1      = 1
	tallyV2      = 2
	tallyWordsV1 = int(outcomes) + 2
)

var errTally = errors.New("the engine's counters are of an unknown version")

func newTally() *tally {
	t := &tally{}
	t.set = dirty.NewSet(t)
	return t
}

func (t *tally) words() []*uint64 {
	var w []*uint64
	for i := range t.counts {
		w = append(w, &t.counts[i])
	}
	return append(w, &t.served, &t.skewed, &t.received, &t.gaps, &t.delayed)
}

// AppendKey implements dirty.Table.
func (t *tally) AppendKey(dst []byte, _ uint32) []byte { return append(dst, prefixTally) }

// AppendValue implements dirty.Table.
func (t *tally) AppendValue(dst []byte, _ uint32) []byte {
	dst = append(dst, tallyV2)
	for _, w := range t.words() {
		dst = binary.LittleEndian.AppendUint64(dst, *w)
	}
	return dst
}

// load takes the entry of a checkpoint that goes up to the cursor.
func (t *tally) load(value []byte, sum dirty.Sum, cursor event.Cursor) error {
	words := t.words()
	switch {
	case len(value) == 1+8*tallyWordsV1 && value[0] == tallyV1:
		words = words[:tallyWordsV1]
	case len(value) != 1+8*len(words) || value[0] != tallyV2:
		return errTally
	}
	for i, w := range words {
		*w = binary.LittleEndian.Uint64(value[1+8*i:])
	}
	if value[0] == tallyV1 {
		for _, n := range t.counts {
			t.received += n
		}
		t.gaps = places(cursor) - t.received // nobody had counted them
	}
	t.set.Loaded(0, sum)
	return nil
}

// places is the number of places of the log before the cursor.
func places(cursor event.Cursor) (n uint64) {
	for _, p := range cursor {
		n += uint64(p.Offset)
	}
	return n
}

// receive counts a record that the log hands out, gap places after the one before it.
func (t *tally) receive(gap int64) {
	t.set.Touch(0)
	t.received++
	t.gaps += uint64(gap)
}

// check returns an error unless every place of the log up to the cursor has become something, once.
func (t *tally) check(cursor event.Cursor) error {
	var sum uint64
	for _, n := range t.counts {
		sum += n
	}
	if sum != t.received || places(cursor) != t.received+t.gaps {
		return fmt.Errorf("%d places of the log and %d gaps among them; %d records received, but %d applied + %d duplicate + %d late + %d dead-lettered = %d",
			places(cursor), t.gaps, t.received, t.counts[applied], t.counts[duplicate], t.counts[late], t.counts[deadLettered], sum)
	}
	return nil
}

func (e *Engine) count(o outcome) {
	e.tally.set.Touch(0)
	e.tally.counts[o]++
}

// skewTolerance is the difference of scores that rounding explains; of those above 1 in relation to them.
const skewTolerance = 1e-5

// servedBy returns the model that the scores of a list came from, by the version that it names; false where
// something other than one of these models, or more than the list itself, gave them.
func (e *Engine) servedBy(version string) (model int, ok bool) {
	name, _, _ := strings.Cut(version, "@")
	m, ok := e.lineup.find(name)
	return m, ok && !e.Features.ReadsList()
}

// compare checks the score that an item was served with against the one of its capture. One that has no score was served by how
// strongly it was recalled.
func (e *Engine) compare(served float64, p float32, scored bool) {
	if !scored {
		return
	}
	e.tally.set.Touch(0)
	e.tally.served++
	tolerance := skewTolerance * max(1, math.Abs(served))
	if d := served - float64(p); d > tolerance || d < -tolerance {
		e.tally.skewed++
	}
}
