package ingest

import (
	"context"
	"fmt"
	"sync"

	"recsvc/internal/event"
	"recsvc/internal/wal"
)

// Log is where records get their place. It is safe for concurrent use.
type Log interface {
	// Append gives the records the next places of the log, in their order and one after another where the log has one
	// partition. It stamps Partition and Offset, keeps nothing of recs, and returns the places just after the last of
	// them. They need not be durable yet.
	Append(ctx context.Context, recs []event.Record) (event.Cursor, error)

	// Wait returns when every record before the cursor is durable, or with the reason why that may never be.
	Wait(ctx context.Context, before event.Cursor) error
}

// Embedded is the log of a server without Kafka, as a Log and as a Source: one partition, number 0, over a wal.Log.
// It is safe for concurrent use; the wal belongs to who opened it.
type Embedded struct {
	wal     *wal.Log
	workers int
	buffers sync.Pool // of *encoding
}

// EmbeddedOptions tune the source. A zero field takes the default named beside it.
type EmbeddedOptions struct {
	Workers int // goroutines that decode; GOMAXPROCS
}

// NewEmbedded returns log and source over w.
func NewEmbedded(w *wal.Log, opts EmbeddedOptions) (*Embedded, error) {
	workers, err := workerCount(opts.Workers)
	if err != nil {
		return nil, fmt.Errorf("embedded log: %w", err)
	}
	return &Embedded{wal: w, workers: workers, buffers: sync.Pool{New: func() any { return new(encoding) }}}, nil
}

// encoding is the scratch of one Append.
type encoding struct {
	buf      []byte
	ends     []int
	payloads [][]byte
}

// maxEncodingBytes is the largest scratch that is kept for the next Append.
const maxEncodingBytes = 4 << 20

// Append implements Log. While BufferBytes of the wal wait for a slow disk it blocks, in order of arrival, until ctx ends. On a
// full disk it returns wal.ErrFull at once, until there is room. After any other failure of the disk it returns that for good:
// the log must be opened anew. In all these cases none of the records is in the log.
func (l *Embedded) Append(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	e := l.buffers.Get().(*encoding)
	first, err := l.wal.Append(ctx, e.encode(recs))
	if cap(e.buf) <= maxEncodingBytes {
		l.buffers.Put(e)
	}
	if err != nil {
		return nil, fmt.Errorf("append %d records: %w", len(recs), err)
	}
	for i := range recs {
		recs[i].Partition, recs[i].Offset = 0, first+int64(i)
	}
	return event.Cursor{{Partition: 0, Offset: first + int64(len(recs))}}, nil
}

// encode returns the binary forms of the records. They are good until the next call.
func (e *encoding) encode(recs []event.Record) [][]byte {
	e.buf, e.ends, e.payloads = e.buf[:0], e.ends[:0], e.payloads[:0]
	for i := range recs {
		e.buf = event.AppendRecord(e.buf, &recs[i])
		e.ends = append(e.ends, len(e.buf))
	}
	start := 0
	for _, end := range e.ends {
		e.payloads = append(e.payloads, e.buf[start:end])
		start = end
	}
	return e.payloads
}

// Wait implements Log. It waits for a slow or full disk until ctx ends; what was appended may become durable all the same.
func (l *Embedded) Wait(ctx context.Context, before event.Cursor) error {
	return l.wal.Wait(ctx, before.Offset(0))
}

// First returns the place of the oldest record that is still there.
func (l *Embedded) First() event.Cursor { return embeddedCursor(l.wal.First()) }

// End returns the place of the next record.
func (l *Embedded) End() event.Cursor { return embeddedCursor(l.wal.Next()) }

// Durable returns the place before which every record is durable.
func (l *Embedded) Durable() event.Cursor { return embeddedCursor(l.wal.Durable()) }

// Lag returns how many records lie between the cursor and the end of the log.
func (l *Embedded) Lag(cursor event.Cursor) int64 { return max(0, l.wal.Next()-cursor.Offset(0)) }

func embeddedCursor(next int64) event.Cursor { return event.Cursor{{Partition: 0, Offset: next}} }
