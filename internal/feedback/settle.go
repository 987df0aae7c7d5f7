package feedback

import (
	"time"

	"recsvc/internal/event"
)

// grace returns until when a record of time t that comes late keeps its impression open, or 0 if it is not
// late. A person who was offline sends an exposure and its outcomes at once, long after.
func (j *Joiner) grace(t event.Time) event.Time {
	if t >= j.watermark {
		return 0
	}
	return j.watermark + j.wait
}

// examined returns the probability that the position of s was looked at.
func (j *Joiner) examined(s *impression) float32 {
	if j.examiner != nil && s.position > 0 {
		if theta, ok := j.examiner.Theta(j.placeOf(s)); ok {
			return theta
		}
	}
	table := j.positions
	if s.list != 0 {
		if own, ok := j.scenes[j.lists.at(s.list).scene]; ok {
			table = own
		}
	}
	if s.position <= 0 || len(table) == 0 {
		return 1
	}
	return table[min(int(s.position), len(table))-1]
}

// expose says that an impression was shown, at its base, by its exposure e, or (nil) by what implies it. What was captured by a served list, and what is only known
// from its outcome, takes its first step at once; the rest waits for its list.
func (j *Joiner) expose(id uint32, e *event.Event) {
	s := j.at(id)
	s.flags = s.flags&^isWaiting | isExposed
	s.theta = j.examined(s)
	if j.weigher != nil {
		s.weight = j.weigher.Shown(s.weight)
	}
	j.renew(id)
	j.tellShown(id, e, s.flags&isImplied != 0)
	j.counts.Exposures++
	for h := range j.heads {
		st := j.state(id, h)
		stalled := j.sawExposure(h)
		if st.flags&isClosed != 0 { // captured before the head was there
			j.counts.Heads[h].Absent++
			continue
		}
		j.counts.Heads[h].Pending++
		if stalled {
			st.flags |= isHeld
		}
		if st.at-s.base > j.heads[h].window && st.flags&(isPositive|isClaimed|isConfirmed) != 0 {
			if st.flags&(isPositive|isClaimed) != 0 {
				j.counts.Heads[h].LateOutcomes++
			}
			st.unhear()
		}
		if st.flags&isPositive != 0 {
			j.become(id, h)
		}
	}
	switch {
	case !j.fresh:
	case s.flags&(isServed|isImplied) != 0:
		j.learn(id)
	default:
		j.enqueue(id)
	}
	j.schedule(id)
}

// flush takes the first step of everything that was shown in the list of id and has not taken it, in order.
func (j *Joiner) flush(id uint32) {
	s := j.at(id)
	if s.list == 0 {
		j.unqueue(id)
		j.learn(id)
		j.schedule(id)
		return
	}
	l := j.lists.at(s.list)
	for id := l.first; id != 0; id = l.first {
		j.touch(id)
		j.unqueue(id)
		j.learn(id)
		j.schedule(id)
	}
}

func (j *Joiner) theta(id uint32, h int) float32 {
	if !j.heads[h].examined {
		return 1
	}
	return j.at(id).theta
}

// become says that an impression that was shown has its outcome.
func (j *Joiner) become(id uint32, h int) {
	if j.state(id, h).flags&isHeld != 0 {
		j.pulses[h].answered++
		return
	}
	j.settlePositive(id, h)
}

// settlePositive says that the outcome of an impression that was shown is final.
func (j *Joiner) settlePositive(id uint32, h int) {
	j.counts.Heads[h].Pending--
	j.counts.Heads[h].Positive++
	j.settle(id, h, true, max(0, j.state(id, h).at-j.at(id).base))
}

func (j *Joiner) settle(id uint32, h int, positive bool, delay event.Time) {
	s := j.at(id)
	settled := Settled{
		Head: h, P: j.state(id, h).p, Raw: j.raw(id, h), Tag: s.tag, Theta: j.theta(id, h), Positive: positive, Weight: s.weight,
		Exposed: s.base, Delay: time.Duration(delay), Position: s.position, User: s.user, context: j.contextPack(s),
	}
	if s.list != 0 {
		l := j.lists.at(s.list)
		settled.Scene, settled.Variant = l.scene, l.variant
	}
	j.sink.Settle(settled)
	j.watch.Settled(j.birth(id), settled)
}

// closeAt returns when the window of head h closes for an impression that was shown.
func (j *Joiner) closeAt(s *impression, h int) event.Time {
	return max(s.base+j.heads[h].window, s.floor)
}

// learnAt returns when an impression that was shown takes its first step if no outcome comes before.
func (j *Joiner) learnAt(s *impression) event.Time { return max(s.base, s.floor) }

// dueAt returns the time that the watermark has to pass for something to happen to an impression. It follows
// from the impression alone.
func (j *Joiner) dueAt(id uint32) event.Time {
	s := j.at(id)
	switch {
	case s.flags&isWaiting != 0:
		return max(s.base+j.wait, s.floor)
	case s.flags&isExposed == 0:
		return max(s.base+j.longest, s.floor)
	case s.flags&isUnlearned != 0:
		return j.learnAt(s)
	}
	due, open := event.Time(1<<63-1), false
	for h := range j.heads {
		if j.state(id, h).flags&isClosed == 0 {
			due = min(due, j.closeAt(s, h))
			open = true
		}
	}
	if !open { // captured before any of the heads was there
		return max(s.base+j.longest, s.floor)
	}
	return due
}

// schedule is called when the time at which an impression is due may have changed.
func (j *Joiner) schedule(id uint32) {
	b := j.stubs.at(id)
	b.due = j.dueAt(id)
	j.timers.add(timer{at: b.due, seq: b.seq, id: id})
}

// dueFor reports whether there is an impression id that is due at that time, and its seq.
func (j *Joiner) dueFor(at event.Time, id uint32) (seq uint64, ok bool) {
	b := j.stubs.find(id)
	if b == nil || b.seq == 0 || b.due != at {
		return 0, false
	}
	return b.seq, true
}

// fire does what is due for an impression at the timer's time, and no more, so that it makes no difference whether the
// watermark comes in one leap or in many steps.
func (j *Joiner) fire(t timer) {
	id := t.id
	if !j.warm(id) {
		return
	}
	s := j.at(id)
	switch {
	case s.flags&isWaiting != 0:
		j.touch(id)
		j.counts.ImpliedExposures++
		s.flags |= isImplied
		j.expose(id, nil)
		return
	case s.flags&isExposed == 0:
		if s.flags&isBrief != 0 {
			j.counts.Unseen++
		} else {
			j.counts.Unexposed++
		}
		j.watch.Ended(j.birth(id), EndUnexposed)
		j.free(id)
		return
	}
	j.touch(id)
	if s.flags&isUnlearned != 0 {
		j.unqueue(id)
		j.learn(id)
	}
	j.closeHeads(id, t.at)
}

// closeHeads closes the heads whose windows end by now, and the impression with the last of them.
func (j *Joiner) closeHeads(id uint32, now event.Time) {
	s := j.at(id)
	open := false
	for h := range j.heads {
		st := j.state(id, h)
		if st.flags&isClosed != 0 {
			continue
		}
		if j.closeAt(s, h) > now {
			open = true
			continue
		}
		st.flags |= isClosed
		j.closeHead(id, h)
	}
	if open {
		j.schedule(id)
		return
	}
	j.bury(id, EndClosed)
}

// closeHead does what is to be done for a head whose window is over.
func (j *Joiner) closeHead(id uint32, h int) {
	st, counts := j.state(id, h), &j.counts.Heads[h]
	if st.flags&isClaimed != 0 {
		counts.Unconfirmed++
	}
	held := st.flags&isHeld != 0
	if held && !j.pulses[h].trusted() {
		counts.Pending--
		counts.Dropped++
		return
	}
	if held || j.heads[h].delay == Close {
		j.first(j.step(id), id, h)
	}
	switch {
	case st.flags&isPositive == 0:
		counts.Pending--
		counts.Negative++
		j.settle(id, h, false, 0)
	case held:
		j.settlePositive(id, h)
	}
	if j.examiner != nil && h == j.judged {
		j.judge(id)
	}
}

// bury forgets an impression but for its hashes.
func (j *Joiner) bury(id uint32, end End) {
	j.watch.Ended(j.birth(id), end)
	s := j.at(id)
	for _, print := range [...]uint64{s.key, s.userItem} {
		if print != 0 {
			j.tombs.bury(print, j.watermark)
		}
	}
	j.free(id)
}
