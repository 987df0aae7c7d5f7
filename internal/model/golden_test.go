package model

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldenCase is one case of testdata/ftrl_golden.json or testdata/fm_golden.json, whose "spec" gives the order of operations.
type goldenCase struct {
	Name  string
	Dim   int
	Hyper struct {
		Rates
		GClip *float64
	}
	Examples []struct {
		F     [][2]float64
		Y, IW float64
	}
	Pred, Z, N, W []float64

	K          int // of factorization machines
	Seed       uint64
	Scale      float64
	HyperV     Rates `json:"hyper_v"`
	V0, ZV, NV [][]float64
	V          [][]float64
}

func (c *goldenCase) hyper() Hyper {
	h := Hyper{Alpha: c.Hyper.Alpha, Beta: c.Hyper.Beta, L1: c.Hyper.L1, L2: c.Hyper.L2, Factors: c.K, Latent: c.HyperV, Spread: c.Scale, Seed: c.Seed}
	if c.Hyper.GClip != nil {
		h.Clip = *c.Hyper.GClip
	}
	return h
}

func (c *goldenCase) learner() string {
	if c.K > 0 {
		return "fm"
	}
	return "ftrl"
}

// want returns z, n and weight of the j-th coordinate of slot i.
func (c *goldenCase) want(i, j int) (z, n, w float64) {
	if j == 0 {
		return c.Z[i], c.N[i], c.W[i]
	}
	return c.ZV[i][j-1], c.NV[i][j-1], c.V[i][j-1]
}

func goldenCases(t *testing.T) (out []goldenCase) {
	for _, name := range []string{"ftrl", "fm"} {
		b, err := os.ReadFile("testdata/" + name + "_golden.json")
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Cases []goldenCase }
		if err := json.Unmarshal(b, &file); err != nil {
			t.Fatal(err)
		}
		out = append(out, file.Cases...)
	}
	if len(out) != 8 {
		t.Fatalf("%d cases, want 8", len(out))
	}
	return out
}

// exact is a learner in float64 without tables, scratch or guards, around the arithmetic that the tables use: of factorization
// machines, and of logistic regression as one without factors.
type exact struct {
	rates, latent rates[float64]
	clip          float64
	factors       int
	c             []coordinate[float64] // [slot][1 + factors]
}

func newExactLR(h Hyper, dim int) *exact {
	h.Factors, h.Latent = 0, h.linear()
	return newExact(h, dim)
}

func newExact(h Hyper, dim int) *exact {
	m := &exact{rates: ratesOf[float64](h.linear()), latent: ratesOf[float64](h.Latent), clip: h.Clip, factors: h.Factors}
	m.c = make([]coordinate[float64], dim*(1+m.factors))
	if m.clip == 0 {
		m.clip = math.Inf(1)
	}
	for i := range dim {
		for f := range m.factors {
			m.row(i)[1+f].rebase(firstLatent(mix(h.Seed+uint64(i)), f, h.Spread), &m.latent, false)
		}
	}
	return m
}

func (m *exact) row(i int) []coordinate[float64] { return m.c[i*(1+m.factors):][:1+m.factors] }

// weights returns w, then the latent vector.
func (m *exact) weights(i int) []float64 {
	out := make([]float64, 1+m.factors)
	for j, c := range m.row(i) {
		out[j] = weight(c.z, math.Sqrt(c.n), m.of(j))
	}
	return out
}

func (m *exact) of(j int) *rates[float64] {
	if j == 0 {
		return &m.rates
	}
	return &m.latent
}

func (m *exact) learn(f [][2]float64, y, iw float64) (p float64) {
	ws := make([][]float64, len(f))
	sums, squares := make([]float64, 1+m.factors), make([]float64, 1+m.factors)
	for k, ix := range f {
		ws[k] = m.weights(int(ix[0]))
		for j, w := range ws[k] {
			t := w * ix[1]
			sums[j] += t
			squares[j] += float64(t * t)
		}
	}
	s := sums[0]
	for j := 1; j <= m.factors; j++ {
		s += 0.5 * (float64(sums[j]*sums[j]) - squares[j])
	}
	p = Sigmoid(s)
	g := min(max(iw*(p-y), -m.clip), m.clip)
	for k, ix := range f {
		if g == 0 {
			continue
		}
		gx, row := g*ix[1], m.row(int(ix[0]))
		row[0].absorb(gx, ws[k][0], &m.rates)
		for j := 1; j <= m.factors; j++ {
			row[j].absorb(gx*(sums[j]-float64(ws[k][j]*ix[1])), ws[k][j], &m.latent)
		}
	}
	return p
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

func TestFloat64ReproducesTheGoldenVectors(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			m := newExact(c.hyper(), c.Dim)
			for i := range c.V0 {
				for f, want := range c.V0[i] {
					if got := m.weights(i)[1+f]; !near(got, want, 1e-15) {
						t.Fatalf("factor %d of %d begins at %v, want %v", f, i, got, want)
					}
				}
			}
			for i, ex := range c.Examples {
				if p := m.learn(ex.F, ex.Y, ex.IW); !near(p, c.Pred[i], 1e-12) {
					t.Fatalf("example %d: p = %v, want %v", i, p, c.Pred[i])
				}
			}
			for i := range c.Dim {
				for j, got := range m.row(i) {
					z, n, w := c.want(i, j)
					if !near(got.z, z, 1e-12) || !near(got.n, n, 1e-12) || !near(m.weights(i)[j], w, 1e-12) {
						t.Errorf("coordinate %d of %d: z %v n %v w %v, want %v %v %v", j, i, got.z, got.n, m.weights(i)[j], z, n, w)
					}
				}
			}
		})
	}
}

func TestTablesPredictTheGoldenVectors(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			m := mustNew(t, Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Learner: c.learner(), Hyper: c.hyper()}}})
			var worst float64
			for i, ex := range c.Examples {
				p, ok := m.Learn(0, &Example{Shared: vectorOf(ex.F), Y: float32(ex.Y), Weight: float32(ex.IW)})
				if !ok || !near(p, c.Pred[i], 2e-5) {
					t.Fatalf("example %d: p = %v, %v, want %v", i, p, ok, c.Pred[i])
				}
				worst = max(worst, math.Abs(p-c.Pred[i]))
			}
			for i := range c.Dim {
				if m.Head(0).seat.blank(uint32(i)) {
					continue // v0 is nowhere
				}
				for j, got := range m.Head(0).seat.cell(nil, uint32(i))[:1+c.K] {
					if _, _, w := c.want(i, j); !near(float64(got), w, 1e-4) {
						t.Errorf("weight %d of %d = %v, want %v", j, i, got, w)
					}
				}
			}
			t.Logf("greatest difference of a prediction %.1e", worst)
		})
	}
}

func vectorOf(f [][2]float64) (v Vector) {
	for _, ix := range f {
		v.Slots, v.Values = append(v.Slots, uint32(ix[0])), append(v.Values, float32(ix[1]))
	}
	return v
}

// Rounding does not add up: over ten thousand examples the tables stay as near to the reference as over two hundred.
func TestTablesFollowTheReferenceOnRandomStreams(t *testing.T) {
	for _, kind := range []string{"ftrl", "fm"} {
		t.Run(kind, func(t *testing.T) {
			h := Hyper{Alpha: 0.1, Beta: 1, L1: 0.05, L2: 0.1, Factors: 4, Latent: Rates{Alpha: 0.1, Beta: 1, L2: 0.1}, Spread: 0.2, Seed: 3}
			m := mustNew(t, Options{Name: "m", Bits: 12, Heads: []HeadOptions{{Name: "h", Learner: kind, Hyper: h}}})
			reference := newExact(h, 1<<12)
			if kind == "ftrl" {
				reference = newExactLR(h, 1<<12)
			}
			var worst, loss, want float64
			examples := randomExamples(60, 10_000)
			for i := range examples {
				ex := &examples[i]
				ex.Correction = false
				p, ok := m.Learn(0, ex)
				q := reference.learn(features(ex, 1<<12), float64(ex.Y), float64(ex.Weight))
				if !ok || math.Abs(p-q) > 1e-4 {
					t.Fatalf("example %d: p = %v, %v, the reference says %v", i, p, ok, q)
				}
				worst, loss, want = max(worst, math.Abs(p-q)), loss+nats(p, ex.Y), want+nats(q, ex.Y)
			}
			if math.Abs(loss-want) > 1e-6*want {
				t.Errorf("log-loss %v, the reference's %v", loss/1e4, want/1e4)
			}
			t.Logf("greatest difference of a prediction %.1e; log-loss %.5f", worst, loss/1e4)
		})
	}
}

// features are an example's as the reference has them.
func features(ex *Example, slots uint32) (out [][2]float64) {
	for _, v := range [...]Vector{ex.Shared, ex.Own} {
		for i, slot := range v.Slots {
			x := 1.0
			if i < len(v.Values) {
				x = float64(v.Values[i])
			}
			out = append(out, [2]float64{float64(slot % slots), x})
		}
	}
	return out
}
