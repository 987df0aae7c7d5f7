package feedback

import (
	"fmt"
	"math"
	"time"

	"recsvc/internal/event"
)

// StallOptions say when the outcomes of a head count as stopped: a pipe is broken, and what is shown looks as if nobody
// wanted it. A zero field takes the default named beside it.
type StallOptions struct {
	// Missing is how many outcomes were to be expected, by the exposures since the last one, and did not come. With outcomes that
	// are independent of one another that has the probability e^−Missing; 0: outcomes never count as stopped.
	Missing float64
	// After is how long ago, in event time, the last outcome must be as well; 1m.
	After time.Duration
	// HalfLife is that of the averages that the expectation rests upon, in event time; 6h.
	HalfLife time.Duration
}

func (o *StallOptions) setDefaults() {
	if o.After == 0 {
		o.After = time.Minute
	}
	if o.HalfLife == 0 {
		o.HalfLife = 6 * time.Hour
	}
}

func (o *StallOptions) check() error {
	switch {
	case o.Missing != 0 && !(o.Missing >= 1 && o.Missing <= 1e9):
		return fmt.Errorf("missing %v: want 0 (off) or a number from 1 to 1e9", o.Missing)
	case o.After < 0 || o.After > maxWindow:
		return fmt.Errorf("after %v: want more than 0, at most %v", o.After, maxWindow)
	case o.HalfLife < time.Second || o.HalfLife > maxWindow:
		return fmt.Errorf("half-life %v: want a second or more, at most %v", o.HalfLife, maxWindow)
	}
	return nil
}

const (
	stallGrounds = 20 // outcomes, decayed, without which nothing is expected
	stallReturns = 5  // outcomes that end a stall, if their rate is that of before, or lasts
	stallSilence = 5  // times Missing outcomes that do not come: those that came before, in the stall, were under way only
)

// pulse watches the rate of a head's outcomes. It beats with each of them. All of it is state.
type pulse struct {
	exposures, outcomes float64    // decayed, as of the last beat
	beat                event.Time // time of the last outcome, or of the end of the last stall
	since               int64      // exposures since then; in a stall, since the first of back
	back, gap           int64      // outcomes that have come in a stall, and exposures since the last of them

	stalled        bool
	from           event.Time // of the stall
	held, answered int64      // exposures in the last stall, and outcomes that came of them
}

// expected returns how many outcomes n exposures should have.
func (p *pulse) expected(n int64) float64 { return float64(n) * (p.outcomes / p.exposures) }

// shown counts an exposure at now. It reports whether outcomes have been found to be stalled by it.
func (p *pulse) shown(o *StallOptions, now event.Time) (stalls bool) {
	p.since++
	switch {
	case o.Missing == 0 || p.outcomes < stallGrounds || p.exposures <= 0:
		return false
	case p.stalled:
		if p.gap++; p.expected(p.gap) >= stallSilence*o.Missing {
			p.back = 0
		}
		return false
	case p.expected(p.since) < o.Missing || now-p.beat < event.Time(o.After):
		return false
	}
	p.stalled, p.from, p.held, p.answered, p.back = true, now, 0, 0, 0
	p.gap = 0
	return true
}

// answer counts an outcome at now. It reports whether a stall has ended with it.
func (p *pulse) answer(o *StallOptions, now event.Time) (ends bool) {
	if !p.stalled {
		p.fold(o, now)
		return false
	}
	if p.back++; p.back == 1 {
		p.since = 0
	}
	p.gap = 0
	expected := p.expected(p.since)
	if p.back < stallReturns || float64(p.back) < expected/2 && expected < o.Missing {
		return false
	}
	if float64(p.back) < expected/2 { // a lower rate, for long: it is the rate now
		scale := stallGrounds / float64(p.back)
		p.exposures, p.outcomes = float64(p.since)*scale, stallGrounds
	}
	p.stalled, p.since, p.back, p.beat = false, 0, 0, now
	return true
}

// fold takes an outcome, and the exposures before it, into the averages.
func (p *pulse) fold(o *StallOptions, now event.Time) {
	if p.outcomes > 0 && now > p.beat {
		keep := math.Exp2(-float64(now-p.beat) / float64(o.HalfLife))
		p.exposures *= keep
		p.outcomes *= keep
	}
	p.exposures += float64(p.since)
	p.outcomes++
	p.since, p.beat = 0, max(p.beat, now)
	if p.outcomes == 1 {
		p.beat = now
	}
}

// trusted reports whether what was shown in the last stall may be learned, now that its window closes: the stall is over, and as
// many outcomes of it have come, late, as make it likely that none was lost.
func (p *pulse) trusted() bool {
	return !p.stalled && float64(p.answered) >= p.expected(p.held)/2
}

// sawExposure counts an exposure for a head, and reports whether it is to be held.
func (j *Joiner) sawExposure(h int) bool {
	p := &j.pulses[h]
	if p.shown(&j.stalls, j.clock) {
		j.counts.Heads[h].Stalls++
	}
	if p.stalled {
		p.held++
	}
	return p.stalled
}

// sawOutcome counts an outcome for a head.
func (j *Joiner) sawOutcome(h int) {
	if j.stalls.Missing > 0 {
		j.pulses[h].answer(&j.stalls, j.clock)
	}
}
