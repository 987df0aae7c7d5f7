package ingest

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"recsvc/internal/event"
)

// mergeRecords is the length of the batches that a merge hands out.
const mergeRecords = 1024

// Run implements Source. It always begins at the beginning: files have no place in the log.
func (f *Files) Run(ctx context.Context, _ event.Cursor, out chan<- *Batch) error {
	f.read.Store(0)
	f.records = 0
	g, ctx := errgroup.WithContext(ctx)
	streams := make([]*fileStream, len(f.opts.Events))
	plan := f.plan(len(streams))
	for i, path := range f.opts.Events {
		s := &fileStream{files: f, number: i, name: filepath.Base(path), ch: make(chan []event.Record, 1)}
		streams[i] = s
		g.Go(func() error {
			err := f.decodeFile(ctx, event.KindEvent, path, plan, func(c fileChunk) error { return s.push(ctx, c) })
			if err == nil { // the merge must not take a broken file for one that has ended
				close(s.ch)
			}
			return err
		})
	}
	g.Go(func() error { return f.emitAll(ctx, streams, out) })
	return g.Wait()
}

// emitAll hands out the catalogue, then the merge of the streams.
func (f *Files) emitAll(ctx context.Context, streams []*fileStream, out chan<- *Batch) error {
	m := merger{files: f, out: out}
	for _, s := range streams {
		more, err := s.pull(ctx)
		if err != nil {
			return err
		}
		if more {
			m.heap = append(m.heap, s)
		}
	}
	for i := len(m.heap)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	var first event.Time
	if len(m.heap) > 0 {
		first = m.heap[0].time()
	}
	if err := f.catalogue(ctx, first, out); err != nil {
		return err
	}
	return m.run(ctx)
}

// catalogue hands out items, then users.
func (f *Files) catalogue(ctx context.Context, received event.Time, out chan<- *Batch) error {
	for kind, paths := range [...][]string{event.KindItem: f.opts.Items, event.KindUser: f.opts.Users} {
		for _, path := range paths {
			err := f.decodeFile(ctx, event.Kind(kind), path, f.plan(1), func(c fileChunk) error {
				for i := range c.recs {
					c.recs[i].Received = received
				}
				return f.emit(ctx, out, c.recs)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// emit hands out a batch and counts it.
func (f *Files) emit(ctx context.Context, out chan<- *Batch, recs []event.Record) error {
	if len(recs) == 0 {
		return nil
	}
	f.opts.Metrics.handedOut(recs)
	f.records += int64(len(recs))
	if err := send(ctx, out, &Batch{Records: recs}); err != nil {
		return err
	}
	if f.opts.Progress != nil {
		f.opts.Progress(Progress{Bytes: f.read.Load(), Total: f.total, Records: f.records})
	}
	return nil
}

// fileStream is one event file on its way into the merge.
type fileStream struct {
	files  *Files
	number int // breaks ties
	name   string
	ch     chan []event.Record

	last event.Time     // of the last accepted record, in push
	recs []event.Record // head first; the merge's
}

// push gives the records of a chunk their times and hands them to the merge.
func (s *fileStream) push(ctx context.Context, c fileChunk) error {
	recs := c.recs
	if len(recs) == 0 {
		return nil
	}
	stamp := s.last
	if stamp == 0 { // dead letters at the start of a file take the time of the first event
		stamp = firstTime(recs)
	}
	for i := range recs {
		if r := &recs[i]; r.Kind == event.KindEvent {
			s.date(r, c.timeless[i])
		}
		if s.last != 0 {
			stamp = s.last
		}
		recs[i].Received = stamp
	}
	select {
	case s.ch <- recs:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func firstTime(recs []event.Record) event.Time {
	for i := range recs {
		if recs[i].Kind == event.KindEvent && recs[i].Event.Time != 0 {
			return recs[i].Event.Time
		}
	}
	return 0
}

// date gives an event without a time that of the record before it, or makes a dead letter of it when there is none.
func (s *fileStream) date(r *event.Record, line fileLine) {
	if r.Event.Time == 0 {
		r.Event.Time = s.last
	}
	if r.Event.Time != 0 {
		s.last = r.Event.Time
		return
	}
	err := &event.Error{Reason: event.ReasonMissingField, Pointer: "/ts", Detail: "the first record of a file must have one"}
	*r = fileLetter(s.name, line.line, line.text, int64(len(line.text)), err)
}

// pull makes sure of a head. It returns false at the end of the file; what broke it is for its own goroutine to say.
func (s *fileStream) pull(ctx context.Context) (bool, error) {
	for len(s.recs) == 0 {
		select {
		case recs, ok := <-s.ch:
			if !ok {
				return false, nil
			}
			s.recs = recs
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

func (s *fileStream) time() event.Time { return s.recs[0].Received }

// before orders the heads of two streams.
func (s *fileStream) before(other *fileStream) bool {
	a, b := s.time(), other.time()
	return a < b || a == b && s.number < other.number
}

// merger takes the earliest head of several streams again and again.
type merger struct {
	files *Files
	out   chan<- *Batch
	heap  []*fileStream // by before; all have a head
	batch []event.Record
}

func (m *merger) run(ctx context.Context) error {
	for len(m.heap) > 0 {
		top := m.heap[0]
		if err := m.take(ctx, top); err != nil {
			return err
		}
		more, err := top.pull(ctx)
		if err != nil {
			return err
		}
		if !more {
			last := len(m.heap) - 1
			m.heap[0] = m.heap[last]
			m.heap = m.heap[:last]
		}
		m.down(0)
	}
	return errors.Join(m.flush(ctx), ctx.Err())
}

// take moves the records of the top stream that come before every other stream's head.
func (m *merger) take(ctx context.Context, top *fileStream) error {
	if len(m.heap) == 1 { // nothing to merge with: pass on what is there
		recs := top.recs
		top.recs = nil
		if err := m.flush(ctx); err != nil {
			return err
		}
		return m.files.emit(ctx, m.out, recs)
	}
	rival := m.heap[1]
	if len(m.heap) > 2 && m.heap[2].before(rival) {
		rival = m.heap[2]
	}
	for {
		if m.batch == nil {
			m.batch = make([]event.Record, 0, mergeRecords)
		}
		m.batch = append(m.batch, top.recs[0])
		top.recs = top.recs[1:]
		if len(m.batch) == mergeRecords {
			if err := m.flush(ctx); err != nil {
				return err
			}
		}
		if len(top.recs) == 0 || !top.before(rival) {
			return nil
		}
	}
}

func (m *merger) flush(ctx context.Context) error {
	recs := m.batch
	m.batch = nil
	return m.files.emit(ctx, m.out, recs)
}

// down lets the stream at i sink to its place.
func (m *merger) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heap); child++ {
			if m.heap[child].before(m.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}
