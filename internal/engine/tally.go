package engine

import (
	"encoding/binary"
	"errors"

	"recsvc/internal/dirty"
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
	counts [outcomes]uint64
	served uint64 // items of served lists that were captured
	skewed uint64 // of these: whose score differed from the one that was served
	set    *dirty.Set
}

// tallyV1: version u8 | one u64 per outcome | served u64 | skewed u64, little-endian. Key: prefix.
const (
	prefixTally = 'e'
	tallyV1     = 1
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
	return append(w, &t.served, &t.skewed)
}

// AppendKey implements dirty.Table.
func (t *tally) AppendKey(dst []byte, _ uint32) []byte { return append(dst, prefixTally) }

// AppendValue implements dirty.Table.
func (t *tally) AppendValue(dst []byte, _ uint32) []byte {
	dst = append(dst, tallyV1)
	for _, w := range t.words() {
		dst = binary.LittleEndian.AppendUint64(dst, *w)
	}
	return dst
}

func (t *tally) load(value []byte, sum dirty.Sum) error {
	words := t.words()
	if len(value) != 1+8*len(words) || value[0] != tallyV1 {
		return errTally
	}
	for i, w := range words {
		*w = binary.LittleEndian.Uint64(value[1+8*i:])
	}
	t.set.Loaded(0, sum)
	return nil
}

func (e *Engine) count(o outcome) {
	e.tally.set.Touch(0)
	e.tally.counts[o]++
}

// skewTolerance is the difference of scores that rounding explains.
const skewTolerance = 1e-5

// compare checks the score that a list was served with against the one of its capture.
func (e *Engine) compare(served float64, p []float32) {
	e.tally.set.Touch(0)
	e.tally.served++
	if d := served - float64(p[e.opts.Score]); d > skewTolerance || d < -skewTolerance {
		e.tally.skewed++
	}
}
