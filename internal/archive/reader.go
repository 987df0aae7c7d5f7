package archive

import (
	"container/heap"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"recsvc/internal/event"
)

// ReaderOptions says what is read. A zero field takes the default named beside it.
type ReaderOptions struct {
	// Since and Until bound the time of what is read: events, served lists and ticks by their own, all else by receipt. Items
	// and users from before Since are read too, since they hold until they are changed. 0: no bound.
	Since, Until event.Time

	Ahead    int            // files that are opened before it is their turn; GOMAXPROCS
	Progress func(Progress) // called after each batch; nil: nobody asks
}

// Progress tells how far a Reader has come.
type Progress struct{ Records, Bytes int64 }

// Reader reads what Writers have written, in the order of the log, and Parquet files of the same columns that other programs
// have written. It may be used again and again, by one goroutine at a time.
type Reader struct {
	groups  []group
	window  window
	ahead   int
	update  func(Progress)
	summary Summary
}

// Summary is what a Reader will read.
type Summary struct {
	Records int64 // at most: within an hour that Since or Until cuts, not all is read
	Bytes   int64 // of the files
	Parts   int
	Passed  int   // parts that Since and Until leave out
	Gaps    []Gap // records of the log that the archive lacks
}

// batchRecords is how many records are handed out, and decoded, at a time.
const batchRecords = 1024

// NewReader finds the files that the paths name: archives, directories of Parquet files, single files, patterns. Files that
// have a manifest are not opened yet.
func NewReader(paths []string, opts ReaderOptions) (*Reader, error) {
	r := &Reader{window: window{opts.Since, opts.Until}, ahead: opts.Ahead, update: opts.Progress}
	if r.ahead <= 0 {
		r.ahead = runtime.GOMAXPROCS(0)
	}
	if opts.Since != 0 && opts.Until != 0 && opts.Since >= opts.Until {
		return nil, fmt.Errorf("archive: nothing lies between %v and %v", opts.Since, opts.Until)
	}
	var err error
	if r.groups, r.summary.Passed, err = survey(paths, r.window); err != nil {
		return nil, err
	}
	for _, g := range r.groups {
		r.summary.Gaps = append(r.summary.Gaps, g.gaps...)
		for _, s := range g.sources {
			r.summary.Parts++
			r.summary.Records += s.rows
			r.summary.Bytes += s.bytes
		}
	}
	return r, nil
}

// Summary returns what the Reader will read.
func (r *Reader) Summary() Summary { return r.summary }

// Run hands out all records in the order of the log, in batches that belong to who gets them. Partition, Offset and Received
// are those of the log that was archived.
func (r *Reader) Run(ctx context.Context, emit func([]event.Record) error) error {
	var done Progress
	for i := range r.groups {
		m := &merger{reader: r, waiting: r.groups[i].sources, emit: emit, progress: &done, last: place0}
		if err := m.run(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// batch is what a stream hands to the merge.
type batch struct {
	records []event.Record
	bytes   int64
	err     error
}

// stream is one file on its way into the merge.
type stream struct {
	source source
	ch     chan batch
	head   []event.Record
}

// feed reads the file and closes the channel; what went wrong comes last.
func (s *stream) feed(ctx context.Context, w window) {
	defer close(s.ch)
	send := func(b batch) bool {
		select {
		case s.ch <- b:
			return true
		case <-ctx.Done():
			return false
		}
	}
	if s.source.part != nil {
		if err := checkSum(s.source.path, s.source.part); err != nil {
			send(batch{err: err})
			return
		}
	}
	p, err := openPart(s.source.path)
	if err != nil {
		send(batch{err: err})
		return
	}
	whole := w.covers(s.source.span)
	for {
		records, err := p.read(batchRecords)
		if err != nil || len(records) == 0 {
			if err := joinClose(err, p); err != nil {
				send(batch{err: err})
			}
			return
		}
		b := batch{records: records, bytes: s.source.bytes * int64(len(records)) / max(1, p.rows)}
		if !whole {
			b.records = slices.DeleteFunc(records, func(r event.Record) bool { return !w.admits(&r) })
		}
		if !send(b) {
			_ = p.close() // nobody wants to know any more
			return
		}
	}
}

func joinClose(err error, p *partReader) error {
	if closed := p.close(); err == nil {
		return closed
	}
	return err
}

// order is a record's place among those of one log.
type order struct {
	offset    int64
	partition int32
}

var place0 = order{-1, 0}

func orderOf(r *event.Record) order { return order{r.Offset, r.Partition} }

func (o order) before(other order) bool {
	return o.offset < other.offset || o.offset == other.offset && o.partition < other.partition
}

// merger takes the earliest head of the open streams again and again.
type merger struct {
	reader   *Reader
	waiting  []source // not begun yet
	begun    []*stream
	open     streams
	out      []event.Record
	last     order
	emit     func([]event.Record) error
	progress *Progress
}

func (m *merger) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	begin := func() {
		for len(m.begun) <= m.reader.ahead && len(m.waiting) > 0 {
			s := &stream{source: m.waiting[0], ch: make(chan batch, 1)}
			m.waiting, m.begun = m.waiting[1:], append(m.begun, s)
			running.Go(func() { s.feed(ctx, m.reader.window) })
		}
	}
	for {
		begin()
		for len(m.begun) > 0 && (len(m.open) == 0 || m.begun[0].source.first <= m.open[0].head[0].Offset) {
			s := m.begun[0]
			m.begun = m.begun[1:]
			more, err := m.pull(ctx, s)
			if err != nil {
				return err
			}
			if more {
				heap.Push(&m.open, s)
			}
			begin()
		}
		if len(m.open) == 0 {
			return m.flush()
		}
		if err := m.take(ctx); err != nil {
			return err
		}
	}
}

// pull makes sure of a head. It returns false at the end of the file.
func (m *merger) pull(ctx context.Context, s *stream) (bool, error) {
	for len(s.head) == 0 {
		select {
		case b, ok := <-s.ch:
			if !ok {
				return false, ctx.Err()
			}
			if b.err != nil {
				return false, b.err
			}
			s.head = b.records
			m.progress.Bytes += b.bytes
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// take moves the records of the first stream that come before every other stream's.
func (m *merger) take(ctx context.Context) error {
	top := m.open[0]
	n := len(top.head)
	limit := m.limit()
	if n > 0 && !orderOf(&top.head[n-1]).before(limit) {
		n, _ = slices.BinarySearchFunc(top.head, limit, func(r event.Record, o order) int {
			if orderOf(&r).before(o) {
				return -1
			}
			return 1
		})
		n = max(n, 1)
	}
	if first := orderOf(&top.head[0]); !m.last.before(first) {
		return fmt.Errorf("%s: record %d of the log is in another file too: name each record once", top.source.path, first.offset)
	}
	m.last = orderOf(&top.head[n-1])
	if err := m.hand(top.head[:n:n]); err != nil {
		return err
	}
	top.head = top.head[n:]
	more, err := m.pull(ctx, top)
	if err != nil {
		return err
	}
	if !more {
		heap.Pop(&m.open)
	} else {
		heap.Fix(&m.open, 0)
	}
	return nil
}

// limit is the place before which the first stream alone has records.
func (m *merger) limit() order {
	limit := order{offset: 1<<63 - 1}
	for _, i := range []int{1, 2} {
		if i < len(m.open) {
			if o := orderOf(&m.open[i].head[0]); o.before(limit) {
				limit = o
			}
		}
	}
	if len(m.begun) > 0 {
		if o := (order{offset: m.begun[0].source.first}); o.before(limit) {
			limit = o
		}
	}
	return limit
}

// hand gathers small runs of records, and hands on large ones as they are.
func (m *merger) hand(records []event.Record) error {
	if len(records) >= batchRecords/2 {
		if err := m.flush(); err != nil {
			return err
		}
		m.out = records
		return m.flush()
	}
	if m.out == nil {
		m.out = make([]event.Record, 0, batchRecords)
	}
	m.out = append(m.out, records...)
	if len(m.out) < batchRecords/2 {
		return nil
	}
	return m.flush()
}

func (m *merger) flush() error {
	if len(m.out) == 0 {
		return nil
	}
	records := m.out
	m.out = nil
	m.progress.Records += int64(len(records))
	if err := m.emit(records); err != nil {
		return err
	}
	if m.reader.update != nil {
		m.reader.update(*m.progress)
	}
	return nil
}

// streams is a heap by the place of the heads. All have one.
type streams []*stream

func (s streams) Len() int           { return len(s) }
func (s streams) Less(i, j int) bool { return orderOf(&s[i].head[0]).before(orderOf(&s[j].head[0])) }
func (s streams) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *streams) Push(x any)        { *s = append(*s, x.(*stream)) }
func (s *streams) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}
