package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsvc/internal/event"
)

func purgeRecord(p event.Purge) event.Record {
	return event.Record{Kind: event.KindControl, Received: start, Control: p.Control()}
}

// offsets are those of the letters that are kept, newest first.
func (r *rig) offsets() (list []int64) {
	for _, l := range r.Letters.List(0, 1000) {
		list = append(list, l.Offset)
	}
	return list
}

func TestAPurgeTakesTheLettersThatItNamesAndIsCountedOnce(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	for i := range 6 {
		l.append(letterRecord(fmt.Sprint(i), at(float64(i))))
	}
	l.append(purgeRecord(event.Purge{Offsets: []int64{1, 4, 99}}))
	if got := fmt.Sprint(l.offsets()); got != "[5 3 2 0]" {
		t.Errorf("left are %s", got)
	}
	l.append(letterRecord("7", at(7)), purgeRecord(event.Purge{Before: 5}), purgeRecord(event.Purge{Before: 5}))
	if got := fmt.Sprint(l.offsets()); got != "[7 5]" {
		t.Errorf("left are %s", got)
	}
	if s := l.Status(); s.Applied != 3 || s.DeadLettered != 7 {
		t.Errorf("%d applied and %d dead letters counted, want 3 and 7", s.Applied, s.DeadLettered)
	}
	l.stop()
}

// Letters and purges come in any order, and the rig keeps 50 letters: what is left after a restart anywhere is what an
// uninterrupted pass leaves.
func TestPurgedLettersStayGoneWhereverTheLogIsTakenUpAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	log := makeTraffic(3, 200)
	for i := range 400 {
		switch rng.IntN(8) {
		case 0:
			log = place(log, purgeRecord(event.Purge{Offsets: []int64{rng.Int64N(int64(len(log))), rng.Int64N(int64(len(log)))}}))
		case 1:
			log = place(log, purgeRecord(event.Purge{Before: rng.Int64N(int64(len(log)))}))
		default:
			log = place(log, letterRecord(fmt.Sprint(i), log[len(log)-1].Received))
		}
	}
	want := openRig(t, t.TempDir()).run(log)
	dir := t.TempDir()
	for _, end := range []int{170, 271, 272, 500} {
		openRig(t, dir).run(log[:end], 7)
	}
	openRig(t, dir).run(log, 13).sameAs(t, want)
}

func TestAPurgeThatCannotBeReadStopsTheWriter(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.hand(event.Record{Kind: event.KindControl, Control: &event.Control{Type: event.PurgeControl}})
	wantError(t, <-l.ended, "apply record 0 of partition 0", "either letters or before")
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
}
