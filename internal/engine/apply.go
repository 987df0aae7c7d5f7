package engine

import (
	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
)

// apply takes one record of the log. This is the whole story of a record: what it passes through, and in which order.
func (e *Engine) apply(r *event.Record) error {
	e.Features.At(r.Partition, r.Offset)
	switch r.Kind {
	case event.KindEvent:
		e.applyEvent(r)
	case event.KindServed:
		e.applyServed(r)
	case event.KindItem:
		e.upserted(e.Features.UpsertItem(r.Item), r)
		e.count(applied)
	case event.KindUser:
		e.upserted(e.Features.UpsertUser(r.User), r)
		e.count(applied)
	case event.KindTick:
		e.Clock.Tick(r)
		e.advance()
		e.count(applied)
	case event.KindDeadLetter:
		if !e.opts.FeaturesOnly {
			e.Letters.Add(r)
		}
		e.count(deadLettered)
	case event.KindControl:
		if e.opts.FeaturesOnly && r.Control.Type != event.OutboxControl {
			e.count(applied)
			return nil
		}
		return e.applyControl(r)
	}
	return nil
}

// upserted tells of an upsert that was too much.
func (e *Engine) upserted(ok bool, r *event.Record) {
	if ok {
		return
	}
	e.metrics.oversize.Inc()
	e.log.Warn("an upsert was passed over: its item or user would have too many attributes",
		zap.Stringer("kind", r.Kind), zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
}

// applyEvent takes a behaviour event. What was captured and predicted for it comes before anything that it changes.
func (e *Engine) applyEvent(r *event.Record) {
	ev := r.Event
	verdict := e.Clock.Verdict(r)
	if verdict == ingest.TooLate {
		e.count(late)
		return
	}
	if e.Dedup.Seen(ev) {
		e.count(duplicate)
		return
	}
	if verdict == ingest.Late { // to its own tile and join
		e.tally.delayed++
	}
	e.Clock.Observe(r)
	e.advance()

	match := e.joiner.Match(ev)
	context := ev.Context
	if match.Capture || e.unseen != nil || e.Features.ReadsContext(ev.Type) {
		context = e.joiner.Context(ev, match) // a click was made where its item was shown
	}
	item := e.Features.EnsureItem(ev.Item)
	e.query.Begin(ev.User, context, ev.Time)
	e.query.InSession(ev.Session)
	var captured *feedback.Captured
	if match.Capture {
		captured = e.capture(r, item, context)
	}
	e.at(StepJoin, false)
	e.drawUnseen(ev, match, context)
	e.joiner.Observe(ev, match, captured) // hands Learn and Settle, below, what is to be learned
	e.at(StepJoin, true)

	e.moved(ev, context, item)
	e.count(applied)
}

// predict fills in what all models say of a vector, at a place of a served list, or (0) of an event.
func (e *Engine) predict(at int, c feedback.Captured, now event.Time) {
	if tap := e.opts.Tap; tap != nil {
		tap.Captured(at, c.Shared, c.Own)
	} else {
		e.lineup.predict(c.P, model.Vector(c.Shared), model.Vector(c.Own))
		e.health.captured(&c, now)
	}
	e.watched(at, c)
}

// advance lets time pass: label windows close, ids beyond the horizon are forgotten, and so is what counts in no window any more; patterns
// see what they waited for.
func (e *Engine) advance() {
	w := e.Clock.Watermark()
	if e.opts.Tap != nil {
		e.opts.Tap.Advance(w)
	}
	e.release(w)
	e.refresh(w)
	e.lineup.advance(w)
	e.joiner.Advance(w)
	if e.Parts.Examination != nil && !e.opts.FeaturesOnly {
		e.Parts.Examination.Advance(int64(w))
	}
	e.Dedup.Advance(w)
	e.Features.Advance(w)
}

// capture is the vector and the predictions of the item at hand, as things stand before its event moves them.
func (e *Engine) capture(r *event.Record, item features.ItemRef, context event.Attributes) *feedback.Captured {
	c := &e.captured
	if e.opts.FeaturesOnly {
		return c
	}
	c.Shared = feedback.Vector(e.query.Shared())
	c.Tag = e.tag("", "", context)
	e.watch(r)
	e.query.Place(r.Event.Position)
	e.query.Item((*features.Vector)(&c.Own), item)
	e.predict(0, *c, r.Event.Time)
	return c
}

// applyServed takes a list that this server answered with: all of it is captured before any of it is learned.
func (e *Engine) applyServed(r *event.Record) {
	s := r.Served
	own, p := e.list.take(len(s.Items), len(e.captured.P))
	items := e.list.named(e.Features, s.Items)
	if e.opts.FeaturesOnly {
		e.joiner.Served(r, feedback.Vector{}, own, p, 0)
		e.count(applied)
		return
	}
	e.query.Begin(s.User, s.Context, s.Time)
	e.query.List(items)
	shared := e.query.Shared()
	e.watch(r)
	by, compared := e.servedBy(s.Model)
	for i := range s.Items {
		e.query.Place(int32(i + 1))
		e.query.Item((*features.Vector)(&own[i]), items[i])
		e.predict(i, feedback.Captured{Shared: feedback.Vector(shared), Own: own[i], P: p[i]}, s.Time)
		if compared {
			score, ok := e.lineup.of(by, p[i], e.Features.Item(items[i]).Attrs)
			e.compare(s.Items[i].Score, score, ok)
		}
	}
	e.joiner.Served(r, feedback.Vector(shared), own, p, e.tag(s.Scene, s.Variant, s.Context))
	e.count(applied)
}

// Learn implements feedback.Sink: one step of one head.
func (e *Engine) Learn(s feedback.Step) {
	if e.opts.FeaturesOnly {
		return
	}
	seat := &e.lineup.seats[s.Head]
	if e.standings.tuned[seat.at].frozen {
		if e.opts.Tap == nil {
			e.lineup.learn(&s) // learns nothing, and counts
		}
		return
	}
	e.steps++
	e.at(StepLearn, false)
	if tap := e.opts.Tap; tap != nil {
		tap.Learn(s)
	} else if !e.lineup.learn(&s) && !e.standings.tuned[e.lineup.seats[s.Head].at].frozen {
		e.health.isolate(&s, e.applying)
	}
	e.at(StepLearn, true)
}

// Settle implements feedback.Sink: progressive validation pairs the prediction made at capture with the outcome.
func (e *Engine) Settle(s feedback.Settled) {
	if e.opts.FeaturesOnly {
		return
	}
	if e.opts.Tap == nil {
		e.lineup.settle(&s)
		e.pace(s.Head, e.health.settled(&s))
	}
	e.settled(s)
}
