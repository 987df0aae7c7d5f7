package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"recsvc/internal/event"
)

// LetterOffice opens dead letters: it retries and purges them through the log, so that the list of letters stays a function of it.
// It is safe for concurrent use; one request at a time is served.
type LetterOffice struct {
	letters *DeadLetters
	intake  *Intake
	log     Log
	opts    LetterOfficeOptions
	busy    chan struct{}
}

// LetterOfficeOptions tune an office. A zero field takes the default named beside it.
type LetterOfficeOptions struct {
	Applied func(ctx context.Context, c event.Cursor) error // returns when the engine has applied what is before c; nil: nobody waits
	Clock   func() time.Time                                // time.Now
}

// NewLetterOffice returns an office over the letters, which the engine keeps, and the log that the engine follows.
func NewLetterOffice(letters *DeadLetters, intake *Intake, log Log, opts LetterOfficeOptions) *LetterOffice {
	if opts.Applied == nil {
		opts.Applied = func(context.Context, event.Cursor) error { return nil }
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	return &LetterOffice{letters: letters, intake: intake, log: log, opts: opts, busy: make(chan struct{}, 1)}
}

// LetterSelection names letters by their places in the log, or all that there are at the moment.
type LetterSelection struct {
	Places []event.PartitionOffset
	All    bool
}

// LetterRefusal says why a letter stays, or why a record of a body that was retried did not get in.
type LetterRefusal struct {
	Place  event.PartitionOffset // of the letter
	Index  int                   // of the record, which is a letter of its own now; -1: the letter stays as it is
	Reason string
}

// Retried is what became of letters.
type Retried struct {
	Letters int // whose records are in the log now
	Records int // that they held and that were accepted
	Refused []LetterRefusal
}

// Purged is what became of letters.
type Purged struct {
	Letters int
	Refused []LetterRefusal
}

// List returns up to n letters with numbers below before, newest first: see DeadLetters.
func (o *LetterOffice) List(before int64, n int) []Letter { return o.letters.List(before, n) }

// Bounds of what is retried in one step.
const (
	retryLetters = event.MaxPurged
	retryBytes   = 1 << 20
)

// Retry judges the letters as if they came now. What is accepted goes into the log, and after it, when that is certain, the
// record that removes the letters: whatever breaks in between, no letter goes without its records. It returns when both
// are durable and applied. After an error, letters that are still listed may be retried without harm: their events have
// ids that do not change.
func (o *LetterOffice) Retry(ctx context.Context, sel LetterSelection) (out Retried, err error) {
	if err := o.enter(ctx); err != nil {
		return out, err
	}
	defer o.leave()
	want := newWanted(sel, o.letters)
	for seq, more := int64(0), true; more; {
		chunk, next := o.letters.from(seq, retryLetters, retryBytes, want.wants)
		if err := o.retry(ctx, chunk, &out); err != nil {
			return out, fmt.Errorf("retry dead letters: %w", err)
		}
		want.found(chunk)
		seq, more = next, next > 0
	}
	out.Refused = append(out.Refused, want.missing()...)
	return out, nil
}

// retry takes one chunk of letters through.
func (o *LetterOffice) retry(ctx context.Context, chunk []Letter, out *Retried) error {
	now := event.FromTime(o.opts.Clock())
	var recs []event.Record
	var done []Letter
	for i := range chunk {
		l := &chunk[i]
		j, err := o.intake.rejudge(l, now)
		if err != nil {
			out.Refused = append(out.Refused, LetterRefusal{l.place(), -1, err.Error()})
			continue
		}
		for _, r := range j.Rejected {
			out.Refused = append(out.Refused, LetterRefusal{l.place(), r.Index, r.Reason})
		}
		out.Records += j.Accepted
		recs, done = append(recs, j.Records...), append(done, *l)
	}
	if len(done) > 0 {
		// Two steps: where a log has several partitions, only what is acknowledged is certain to be there before the removal.
		if err := o.append(ctx, recs, nil); err != nil {
			return err
		}
		if err := o.remove(ctx, done); err != nil {
			return err
		}
	}
	o.intake.opts.Metrics.retried(len(done), len(chunk)-len(done), recs)
	out.Letters += len(done)
	return nil
}

// Purge removes the letters for ever. It returns when that is durable and applied.
func (o *LetterOffice) Purge(ctx context.Context, sel LetterSelection) (out Purged, err error) {
	if err := o.enter(ctx); err != nil {
		return out, err
	}
	defer o.leave()
	if sel.All {
		out.Letters, err = o.purgeAll(ctx)
		return out, err
	}
	want := newWanted(sel, o.letters)
	for seq, more := int64(0), true; more; {
		chunk, next := o.letters.from(seq, retryLetters, retryBytes, want.wants)
		if err := o.remove(ctx, chunk); err != nil {
			return out, fmt.Errorf("purge dead letters: %w", err)
		}
		out.Letters += len(chunk)
		want.found(chunk)
		seq, more = next, next > 0
	}
	out.Refused = want.missing()
	return out, nil
}

func (o *LetterOffice) purgeAll(ctx context.Context) (int, error) {
	ends, n := o.letters.ends()
	var recs []event.Record
	for _, end := range ends {
		recs = append(recs, o.control(end.Partition, event.Purge{Before: end.Offset}))
	}
	if err := o.append(ctx, recs, o.opts.Applied); err != nil {
		return 0, fmt.Errorf("purge all dead letters: %w", err)
	}
	return n, nil
}

// remove takes letters out of the list, at most event.MaxPurged of them.
func (o *LetterOffice) remove(ctx context.Context, letters []Letter) error {
	var parts event.Cursor // only the partitions matter
	for i := range letters {
		parts = parts.Set(letters[i].Partition, 0)
	}
	var recs []event.Record
	for _, p := range parts {
		var purge event.Purge
		for i := range letters {
			if letters[i].Partition == p.Partition {
				purge.Offsets = append(purge.Offsets, letters[i].Offset)
			}
		}
		recs = append(recs, o.control(p.Partition, purge))
	}
	return o.append(ctx, recs, o.opts.Applied)
}

// control is the record that removes letters. It stands in their partition.
func (o *LetterOffice) control(partition int32, p event.Purge) event.Record {
	return event.Record{
		Kind: event.KindControl, Partition: partition, Received: event.FromTime(o.opts.Clock()), Control: p.Control(),
	}
}

// append takes records into the log and returns when they are durable and, if the caller wants it, applied.
func (o *LetterOffice) append(ctx context.Context, recs []event.Record, applied func(context.Context, event.Cursor) error) error {
	if len(recs) == 0 {
		return nil
	}
	after, err := o.log.Append(ctx, recs)
	if err != nil {
		return err
	}
	if err := o.log.Wait(ctx, after); err != nil || applied == nil {
		return err
	}
	return applied(ctx, after)
}

func (o *LetterOffice) enter(ctx context.Context) error {
	select {
	case o.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the request before: %w", ctx.Err())
	}
}

func (o *LetterOffice) leave() { <-o.busy }

func (l *Letter) place() event.PartitionOffset {
	return event.PartitionOffset{Partition: l.Partition, Offset: l.Offset}
}

// wanted is a selection that remembers what it has found.
type wanted struct {
	places map[event.PartitionOffset]bool // true: found; nil: all are wanted
	ends   event.Cursor                   // of all
}

func newWanted(sel LetterSelection, letters *DeadLetters) *wanted {
	w := &wanted{}
	if sel.All {
		w.ends, _ = letters.ends()
		return w
	}
	w.places = make(map[event.PartitionOffset]bool, len(sel.Places))
	for _, p := range sel.Places {
		w.places[p] = false
	}
	return w
}

func (w *wanted) wants(l *Letter) bool {
	if w.places == nil {
		return l.Offset < w.ends.Offset(l.Partition)
	}
	_, ok := w.places[l.place()]
	return ok
}

func (w *wanted) found(letters []Letter) {
	for i := range letters {
		if w.places != nil {
			w.places[letters[i].place()] = true
		}
	}
}

// missing are refusals of the places where no letter was found, in order.
func (w *wanted) missing() (out []LetterRefusal) {
	for p, found := range w.places {
		if !found {
			out = append(out, LetterRefusal{p, -1, "no such dead letter is kept"})
		}
	}
	slices.SortFunc(out, func(a, b LetterRefusal) int {
		return cmp.Or(cmp.Compare(a.Place.Partition, b.Place.Partition), cmp.Compare(a.Place.Offset, b.Place.Offset))
	})
	return out
}
