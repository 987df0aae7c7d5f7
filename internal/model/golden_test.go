package model

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldenCase is one case of testdata/ftrl_golden.json, whose "spec" gives the order of operations.
type goldenCase struct {
	Name  string
	Dim   int
	Hyper struct {
		Alpha, Beta, L1, L2 float64
		GClip               *float64
	}
	Examples []struct {
		F     [][2]float64
		Y, IW float64
	}
	Pred, Z, N, W []float64
}

func (c *goldenCase) hyper() Hyper {
	h := Hyper{Alpha: c.Hyper.Alpha, Beta: c.Hyper.Beta, L1: c.Hyper.L1, L2: c.Hyper.L2}
	if c.Hyper.GClip != nil {
		h.Clip = *c.Hyper.GClip
	}
	return h
}

func goldenCases(t *testing.T) []goldenCase {
	b, err := os.ReadFile("testdata/ftrl_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 5 {
		t.Fatalf("%d cases, want 5", len(file.Cases))
	}
	return file.Cases
}

// exactLR is the learner in float64 without tables, scratch or guards, around the arithmetic that the tables use.
type exactLR struct {
	rates rates[float64]
	clip  float64
	c     []coordinate[float64]
}

func newExactLR(h Hyper, dim int) *exactLR {
	m := &exactLR{rates: ratesOf[float64](h), clip: h.Clip, c: make([]coordinate[float64], dim)}
	if m.clip == 0 {
		m.clip = math.Inf(1)
	}
	return m
}

func (m *exactLR) weight(i int) float64 { return weight(m.c[i].z, math.Sqrt(m.c[i].n), &m.rates) }

func (m *exactLR) learn(f [][2]float64, y, iw float64) (p float64) {
	ws := make([]float64, len(f))
	var s float64
	for k, ix := range f {
		ws[k] = m.weight(int(ix[0]))
		s += float64(ws[k] * ix[1])
	}
	p = Sigmoid(s)
	g := min(max(iw*(p-y), -m.clip), m.clip)
	for k, ix := range f {
		if g != 0 {
			m.c[int(ix[0])].absorb(g*ix[1], ws[k], &m.rates)
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
			m := newExactLR(c.hyper(), c.Dim)
			for i, ex := range c.Examples {
				if p := m.learn(ex.F, ex.Y, ex.IW); !near(p, c.Pred[i], 1e-12) {
					t.Fatalf("example %d: p = %v, want %v", i, p, c.Pred[i])
				}
			}
			for i := range c.Dim {
				if !near(m.c[i].z, c.Z[i], 1e-12) || !near(m.c[i].n, c.N[i], 1e-12) || !near(m.weight(i), c.W[i], 1e-12) {
					t.Errorf("coordinate %d: z %v n %v w %v, want %v %v %v", i, m.c[i].z, m.c[i].n, m.weight(i), c.Z[i], c.N[i], c.W[i])
				}
			}
		})
	}
}

func TestTablesPredictTheGoldenVectors(t *testing.T) {
	for _, c := range goldenCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			m := mustNew(t, Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h", Hyper: c.hyper()}}})
			var worst float64
			for i, ex := range c.Examples {
				var v Vector
				for _, ix := range ex.F {
					v.Slots, v.Values = append(v.Slots, uint32(ix[0])), append(v.Values, float32(ix[1]))
				}
				p, ok := m.Learn(0, &Example{Shared: v, Y: float32(ex.Y), Weight: float32(ex.IW)})
				if !ok || !near(p, c.Pred[i], 2e-5) {
					t.Fatalf("example %d: p = %v, %v, want %v", i, p, ok, c.Pred[i])
				}
				worst = max(worst, math.Abs(p-c.Pred[i]))
			}
			for i := range c.Dim {
				if w := m.table.cell(i, 0).w; !near(float64(w), c.W[i], 1e-4) {
					t.Errorf("weight %d = %v, want %v", i, w, c.W[i])
				}
			}
			t.Logf("greatest difference of a prediction %.1e", worst)
		})
	}
}
