package state

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// ScrubOptions of one pass. A zero field takes the default named beside it.
type ScrubOptions struct {
	BytesPerSecond int64                                            // how fast to read; 0: as fast as it goes
	Sleep          func(ctx context.Context, d time.Duration) error // returns when d has passed or ctx is done; a timer's
}

// ScrubReport describes one pass, up to where it came.
type ScrubReport struct {
	Epoch   uint64        // of the checkpoint that was read
	Entries int64         // of it
	Bytes   int64         // read from files, including what newer entries hide
	Took    time.Duration // pauses included
}

// Scrub reads all that the last committed checkpoint rests on, and checks it: each entry against its sum, each table against
// its number and digest, every block and record of the deltas, also those that newer ones hide, their headers and
// descriptions, and badger's own checksums. It returns at the first damage, with an error that is ErrCorrupt, names the table, the
// entry or the file, and says what to do.
//
// It runs beside everything else and sees one checkpoint, whatever is committed meanwhile. As long as it runs, files and versions that
// it still reads keep their place on the disk. badger's checksums, at the end, are read at once. What badger has in
// its write buffer is read from memory. It ends when ctx does, and with ErrClosed when the store is closed.
func (s *Store) Scrub(ctx context.Context, opts ScrubOptions) (ScrubReport, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(ErrClosed) })()
	v, err := s.view()
	if err != nil {
		return ScrubReport{}, err
	}
	defer s.release(v)
	p := &scrub{s: s, v: v, ctx: ctx, opts: opts, began: s.opts.Clock(), report: ScrubReport{Epoch: v.meta.Epoch}}
	if p.opts.Sleep == nil {
		p.opts.Sleep = sleep
	}
	err = p.run()
	p.report.Took = s.opts.Clock().Sub(p.began)
	s.metrics.scrubbed(p.report, err, s.opts.Clock())
	if err != nil {
		return p.report, fmt.Errorf("scrub of checkpoint %d in %s: %w", v.meta.Epoch, s.dir, err)
	}
	return p.report, nil
}

// sleep returns when d has passed, or ctx's error when that is done first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scrub is one pass.
type scrub struct {
	s      *Store
	v      *view
	ctx    context.Context
	opts   ScrubOptions
	began  time.Time
	report ScrubReport
}

func (p *scrub) run() error {
	for _, d := range p.v.deltas {
		if err := p.ends(d); err != nil {
			return err
		}
	}
	if _, err := p.v.base.meta(); err != nil {
		return err
	}
	var found tally
	err := p.v.walk(selection{}, p.record, func(r record) error {
		found.add(r)
		p.report.Entries++
		return p.pace(baseEntryHead + len(r.key) + len(r.value))
	})
	if err != nil {
		return err
	}
	if err := found.compare(p.v.meta, tables{}); err != nil {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	return p.database()
}

// ends reads the header and the description of a delta again.
func (p *scrub) ends(d *delta) error {
	again := &delta{path: d.path}
	err := again.readEnds(d.file)
	if err == nil && (again.meta.Epoch != d.meta.Epoch || again.previous != d.previous || again.commit != d.commit) {
		err = fmt.Errorf("header is not what it was: %w", ErrCorrupt)
	}
	if err != nil {
		return d.failed(d.meta.Epoch, err)
	}
	return p.pace(int(d.meta.Bytes - d.commit + deltaHeader))
}

// record sees each record of each delta.
func (p *scrub) record(_ *delta, r record) error {
	joined := r.key[:len(r.key)+len(r.value)] // they stand together
	if err := r.checkJoined(joined); err != nil {
		return err
	}
	return p.pace(recordHeader + len(joined))
}

// database checks badger's checksums. Damaged tables can make badger panic.
func (p *scrub) database() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("database: badger's checksums: panic: %v: %w; %s", r, ErrCorrupt, remedy)
		}
	}()
	size := 0
	for _, t := range p.s.db.Tables() {
		size += int(t.OnDiskSize)
	}
	if err := p.pace(size); err != nil {
		return err
	}
	if err := p.s.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("database: badger's checksums: %w: %w; %s", ErrCorrupt, err, remedy)
	}
	return nil
}

// minPause is the shortest time to sleep for.
const minPause = 20 * time.Millisecond

// pace counts n bytes and sleeps until they are due.
func (p *scrub) pace(n int) error {
	p.report.Bytes += int64(n)
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if p.opts.BytesPerSecond <= 0 {
		return nil
	}
	due := time.Duration(float64(p.report.Bytes) / float64(p.opts.BytesPerSecond) * float64(time.Second))
	if early := due - p.s.opts.Clock().Sub(p.began); early >= minPause {
		if err := p.opts.Sleep(p.ctx, early); err != nil {
			return cmp.Or(context.Cause(p.ctx), err)
		}
	}
	return nil
}
