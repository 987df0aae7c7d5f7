package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"recsvc/internal/validation"
)

// stream is a small world with a known answer: five fields of Zipf-distributed values with planted weights, and one
// planted cross of two of them. Its items are shown at positions that are examined with probability theta.
type stream struct {
	r     *rand.Rand
	zipf  [len(streamFields)]*rand.Zipf
	promo bool // position follows one field that means nothing, and not relevance
}

var (
	streamFields = [...]uint64{4000, 1000, 300, 40, 7}
	streamTheta  = [...]float64{1, 0.59, 0.44, 0.35, 0.30}
)

func newStream(seed uint64) *stream {
	s := &stream{r: rand.New(rand.NewPCG(seed, 0))}
	for f, n := range streamFields {
		s.zipf[f] = rand.NewZipf(s.r, 1.2, 5, n-1)
	}
	return s
}

// planted is a standard normal number that belongs to (field, value).
func planted(field, value uint64) float64 {
	return rand.New(rand.NewPCG(field, value)).NormFloat64()
}

// shown is one impression.
type shown struct {
	v        Vector
	p        float64 // true probability of relevance
	theta    float32
	relevant float32
	clicked  float32
}

func (s *stream) next() shown {
	logit := -2.5
	var value [len(streamFields)]uint64
	out := shown{v: Vector{Slots: []uint32{NameSlot(FieldSeed("bias"))}}}
	for f := range streamFields {
		value[f] = s.zipf[f].Uint64()
		logit += 0.7 * planted(uint64(f), value[f])
		out.v.Slots = append(out.v.Slots, Slot(uint64(f), value[f]))
	}
	cross := value[3]*streamFields[4] + value[4]
	logit += 0.7 * planted(100, cross)
	out.v.Slots = append(out.v.Slots, Slot(100, cross))

	out.p = Sigmoid(logit)
	tilt := logit + 2.5
	if s.promo {
		tilt = planted(50, value[2]) // which has no part in the logit beyond its own weight
	}
	place := Sigmoid(-2*tilt+s.r.NormFloat64()) * float64(len(streamTheta))
	theta := streamTheta[min(int(place), len(streamTheta)-1)]
	out.theta = float32(theta)
	if s.r.Float64() < out.p {
		out.relevant = 1
		if s.r.Float64() < theta {
			out.clicked = 1
		}
	}
	return out
}

func nats(p float64, y float32) float64 {
	if y > 0 {
		return -math.Log(p)
	}
	return -math.Log1p(-p)
}

func TestLearningComesNearTheTruth(t *testing.T) {
	const count = 100_000
	m := mustNew(t, Options{Name: "m", Bits: 18, Heads: []HeadOptions{{Name: "h", Hyper: Hyper{Alpha: 0.3}}}})
	s := newStream(7)
	v := m.Head(0).Validation()
	exact := newExactLR(Hyper{Alpha: 0.3, Beta: 1}, 1<<18)
	var oracle, loss, base, exactLoss float64
	for i := range count {
		x := s.next()
		p, ok := m.Learn(0, &Example{Shared: x.v, Y: x.relevant, Weight: 1})
		if !ok {
			t.Fatal("refused")
		}
		var f [][2]float64
		for _, slot := range x.v.Slots {
			f = append(f, [2]float64{float64(slot & (1<<18 - 1)), 1})
		}
		q := exact.learn(f, float64(x.relevant), 1)
		v.Observe(validation.Observation{P: float32(p), Positive: x.relevant > 0})
		if i >= count/2 {
			oracle += nats(x.p, x.relevant)
			loss += nats(p, x.relevant)
			exactLoss += nats(q, x.relevant)
			base += float64(x.relevant)
		}
	}
	oracle, loss, exactLoss, base = oracle/(count/2), loss/(count/2), exactLoss/(count/2), base/(count/2)
	guess := -base*math.Log(base) - (1-base)*math.Log(1-base)
	t.Logf("second half: loss %.4f, in float64 %.4f, oracle %.4f, guessing the base rate %.4f", loss, exactLoss, oracle, guess)
	if loss > 0.2850 { // measured .2843; α .1, .2 and .6 come to .2931, .2862 and .2857
		t.Errorf("log-loss %.4f", loss)
	}
	if math.Abs(loss-exactLoss) > 1e-4 {
		t.Errorf("log-loss %.5f, in float64 %.5f", loss, exactLoss)
	}
	if learned := (guess - loss) / (guess - oracle); learned < 0.82 {
		t.Errorf("%.0f %% of what there is was learned", 100*learned)
	}
	if c := v.Recent().Calibration; math.Abs(c-1) > 0.06 {
		t.Errorf("calibration %v", c)
	}
}

func TestExaminationUndoesThePositions(t *testing.T) {
	m := mustNew(t, Options{Name: "m", Bits: 18, Heads: []HeadOptions{
		{Name: "none", Hyper: Hyper{Alpha: 0.05}},
		{Name: "pbm", Hyper: Hyper{Alpha: 0.05}, Examination: PBM},
		{Name: "soft", Hyper: Hyper{Alpha: 0.05}, Examination: Soft},
	}})
	s := newStream(8)
	s.promo = true
	const count = 60_000
	var sum, loss [3]float64
	var relevant float64
	for i := range count {
		x := s.next()
		for h := range m.Heads() {
			// As the server does: a negative at once, the correction when the click comes.
			p, _ := m.Learn(h, &Example{Shared: x.v, Theta: x.theta, Weight: 1})
			if x.clicked > 0 {
				m.Learn(h, &Example{Shared: x.v, Theta: x.theta, Weight: 1, Y: 1, Correction: true})
			}
			if i >= count/2 {
				sum[h] += p
				loss[h] += nats(p, x.relevant)
			}
		}
		if i >= count/2 {
			relevant += float64(x.relevant)
		}
	}
	t.Logf("Σp/Σrel %.3f %.3f %.3f, log-loss on relevance %.4f %.4f %.4f", sum[0]/relevant, sum[1]/relevant, sum[2]/relevant,
		loss[0]/count*2, loss[1]/count*2, loss[2]/count*2)
	if c := sum[0] / relevant; c > 0.75 {
		t.Errorf("clicks taken as they are predict %.2f of the relevance: the test shows nothing", c)
	}
	for h := 1; h < 3; h++ {
		if c := sum[h] / relevant; math.Abs(c-1) > 0.08 {
			t.Errorf("%v: Σp/Σrel %.3f", m.Head(h).Examination(), c)
		}
		if loss[h] > loss[0]-0.015*count/2 {
			t.Errorf("%v: log-loss %.4f, from clicks as they are %.4f", m.Head(h).Examination(), loss[h]/count*2, loss[0]/count*2)
		}
	}
}
