package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/wal"
)

// jobRecords is how many records of the log one worker decodes at a time: enough to drown the cost of handing over, few
// enough that all workers get some of a full read.
const jobRecords = 512

// Run implements Source: it follows the log from the given place for ever. Records are handed out before they are
// durable; a checkpoint asks Wait. It reads no further than two jobs for each worker before they are taken from out. A place
// that retention has passed is wal.ErrTruncated, one behind the end wal.ErrAhead: nothing is skipped in silence. When the log
// has failed, Run hands out all that was written and returns why: what is not durable must not be built upon. A record that the wal vouches for and that does not decode was written by a newer
// version, or by a fault of this one: Run stops and names it, because to skip it would be to lose it.
func (l *Embedded) Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error {
	reader, err := l.wal.Reader(from.Offset(0))
	if err != nil {
		return fmt.Errorf("follow the log: %w", err)
	}
	err = pipeline[wal.Batch, *Batch]{
		workers: l.workers,
		produce: func(ctx context.Context, emit func(wal.Batch) error) error { return follow(ctx, reader, emit) },
		worker: func() func(wal.Batch) (*Batch, error) {
			d := new(event.Decoder)
			return func(b wal.Batch) (*Batch, error) { return decodeBatch(d, b) }
		},
		consume: func(b *Batch) error { return send(ctx, out, b) },
	}.run(ctx)
	return errors.Join(err, reader.Close())
}

// SeekTime returns the place of the first record received at t or later; the end of the log if there is none. See
// wal.Log.SeekTime for clocks that do not agree.
func (l *Embedded) SeekTime(ctx context.Context, t event.Time) (event.Cursor, error) {
	d, rec := new(event.Decoder), new(event.Record)
	seq, err := l.wal.SeekTime(ctx, t.Time(), func(payload []byte) (time.Time, error) {
		err := d.DecodeBinary(payload, rec)
		return rec.Received.Time(), err
	})
	if err != nil {
		return nil, err
	}
	return embeddedCursor(seq), nil
}

// follow cuts what the reader returns into jobs.
func follow(ctx context.Context, reader *wal.Reader, emit func(wal.Batch) error) error {
	for {
		b, err := reader.Read(ctx)
		if err != nil {
			return err
		}
		for len(b.Payloads) > 0 {
			n := min(jobRecords, len(b.Payloads))
			if err := emit(wal.Batch{First: b.First, Payloads: b.Payloads[:n]}); err != nil {
				return err
			}
			b.First += int64(n)
			b.Payloads = b.Payloads[n:]
		}
	}
}

// decodeBatch decodes the records of the log.
func decodeBatch(d *event.Decoder, b wal.Batch) (*Batch, error) {
	recs := make([]event.Record, len(b.Payloads))
	for i, payload := range b.Payloads {
		recs[i].Offset = b.First + int64(i)
		if err := d.DecodeBinary(payload, &recs[i]); err != nil {
			return nil, fmt.Errorf("log record %d: %w", recs[i].Offset, err)
		}
	}
	return &Batch{Records: recs}, nil
}
