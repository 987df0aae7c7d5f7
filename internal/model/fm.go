package model

import "math"

// fm is a factorization machine of second order (Rendle, ICDM'10) trained by FTRL-Proximal:
//
//	s = Σ w_i x_i + ½ Σ_f [(Σ_i v_if x_i)² − Σ_i v_if² x_i²],  ∂s/∂v_if = x_i(S_f − v_if x_i),  S_f = Σ_i v_if x_i.
//
// Latent vectors have rates of their own. One that is 0 would stay so for ever, its gradient being 0; so each begins at v0, a hash
// of seed, slot and factor. Until a slot's first step v0 is computed whenever it is asked for and all words are 0; from then on
// the word of a latent coordinate is never the bits of +0: one that weighs nothing is published as −0.
//
// The partial sums are Σwx, ΣΣv²x² and the S_f.
type fm struct {
	seat
	rates, latent rates[float32]
	seed          uint64
	spread        float64
}

const (
	sumLinear = iota
	sumSquares
	sumFactors
)

func fmShape(h Hyper) shape {
	return shape{words: 1 + h.Factors, coordinates: 1 + h.Factors, sums: sumFactors + h.Factors}
}

func newFM(h Hyper, s seat) learner {
	l := &fm{seat: s, seed: h.Seed, spread: h.Spread}
	l.tune(h)
	return l
}

func (l *fm) tune(h Hyper) {
	l.rates, l.latent = ratesOf[float32](h.linear()), ratesOf[float32](h.Latent)
}

// mix is the step of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// firstLatent returns v0, uniform within ±spread/2, of factor f where origin is mix(seed + row).
func firstLatent(origin uint64, f int, spread float64) float64 {
	return float64(spread * (float64(mix(origin+uint64(f))>>11)*0x1p-53 - 0.5))
}

func (l *fm) origin(row uint32) uint64 { return mix(l.seed + uint64(row)) }

func (l *fm) born(origin uint64, f int) float32 { return float32(firstLatent(origin, f, l.spread)) }

func (l *fm) add(sums []float64, v Vector) {
	linear, squares, factors := sums[sumLinear], sums[sumSquares], sums[sumFactors:]
	for i, slot := range v.Slots {
		x := 1.0
		if i < len(v.Values) {
			x = float64(v.Values[i])
		}
		row := slot & l.mask
		words := l.published(row)[:1+len(factors)]
		linear += float64(math.Float32frombits(words[0].Load())) * x
		if words[1].Load() == 0 {
			squares = l.addBorn(factors, squares, row, x)
			continue
		}
		latent := words[1:]
		for f := range factors {
			t := float64(math.Float32frombits(latent[f].Load())) * x
			factors[f] += t
			squares += float64(t * t)
		}
	}
	sums[sumLinear], sums[sumSquares] = linear, squares
}

// addBorn adds a slot that has not learned anything.
func (l *fm) addBorn(factors []float64, squares float64, row uint32, x float64) float64 {
	origin := l.origin(row)
	for f := range factors {
		t := float64(l.born(origin, f)) * x
		factors[f] += t
		squares += float64(t * t)
	}
	return squares
}

func (l *fm) logit(sums []float64) float64 {
	var pairs float64
	for _, s := range sums[sumFactors:] {
		pairs += float64(s * s)
	}
	return sums[sumLinear] + float64(0.5*(pairs-sums[sumSquares]))
}

func (l *fm) read(n *notes, k int, sums []float64, v Vector) {
	l.note(n, k, v)
	linear, squares, factors := sums[sumLinear], sums[sumSquares], sums[sumFactors:]
	for i := range v.Slots {
		at := k + i
		x := float64(n.xs[at])
		ws := n.ws[at*n.words:][:1+len(factors)]
		linear += float64(ws[0]) * x
		latent := ws[1:]
		for f := range factors {
			t := float64(latent[f]) * x
			factors[f] += t
			squares += float64(t * t)
		}
	}
	sums[sumLinear], sums[sumSquares] = linear, squares
}

// note fills n: the misses of a whole vector overlap.
func (l *fm) note(n *notes, k int, v Vector) {
	for i, slot := range v.Slots {
		at := k + i
		n.xs[at] = 1
		if i < len(v.Values) {
			n.xs[at] = v.Values[i]
		}
		row := slot & l.mask
		n.rows[at] = row
		n.touched[at] = l.acc[uint(row)*l.depth+l.firstCoordinate].n
		words, ws := l.published(row), n.ws[at*n.words:][:n.words]
		words = words[:len(ws)]
		for j := range ws {
			ws[j] = math.Float32frombits(words[j].Load())
		}
		if math.Float32bits(ws[1]) == 0 {
			origin := l.origin(row)
			for f := range ws[1:] {
				ws[1+f] = l.born(origin, f)
			}
		}
	}
}

func (l *fm) reach(sums []float64, greatest float64) float64 {
	top := 0.0
	for _, s := range sums[sumFactors:] {
		top = max(top, math.Abs(s))
	}
	return greatest * max(1, top+math.Sqrt(sums[sumSquares]))
}

func (l *fm) step(n *notes, sums []float64, g float32) {
	factors, set, first, alone := sums[sumFactors:], n.set.Set, n.set.first, l.alone
	for i, row := range n.rows {
		x, scale := n.xs[i], float32(1)
		gi := float32(g * x)
		if gi == 0 {
			continue
		}
		if n.scales != nil {
			scale = n.scales[i]
		}
		set.Touch(first + row>>pageBits)
		ws, words, own := n.ws[i*n.words:][:1+len(factors)], l.published(row)[:1+len(factors)], l.own(row)[:1+len(factors)]
		if words[1].Load() == 0 {
			for f := range factors {
				own[1+f].rebase(ws[1+f], &l.latent, false)
			}
		}
		root := own[0].absorb(gi, ws[0], &l.rates)
		w := weight(own[0].z, root, &l.rates)
		if scale != 1 {
			w /= scale
		}
		store(&words[0], math.Float32bits(w), alone)
		ws, words, own = ws[1:], words[1:], own[1:]
		for f := len(factors) - 1; f >= 0; f-- { // the first is the last to be published: it says that the others are
			v, c := ws[f], &own[f]
			root := c.absorb(float32(gi*float32(factors[f]-float64(v)*float64(x))), v, &l.latent)
			w := weight(c.z, root, &l.latent)
			if scale != 1 {
				w /= scale
			}
			store(&words[f], latentBits(w), alone)
		}
	}
}

// latentBits are those of v, but for +0.
func latentBits(v float32) uint32 {
	b := math.Float32bits(v)
	if b == 0 {
		return 1 << 31
	}
	return b
}

// sound asks that the slot has begun: a cell is stored from its first step on.
func (l *fm) sound(cell []float32) bool {
	for _, v := range cell[1:l.words] {
		if math.Float32bits(v) == 0 {
			return false
		}
	}
	return true
}

func (l *fm) effect(sums []float64, slot uint32, x float32) float32 {
	row := slot & l.mask
	words := l.published(row)
	born, origin := words[1].Load() == 0, l.origin(row)
	out := float64(math.Float32frombits(words[0].Load()))
	for f, s := range sums[sumFactors:] {
		v := math.Float32frombits(words[1+f].Load())
		if born {
			v = l.born(origin, f)
		}
		out += float64(0.5 * float64(v) * (s - float64(v)*float64(x)))
	}
	return float32(out)
}

func (l *fm) rebase(row uint32, to rebasing) {
	words, own := l.published(row), l.own(row)
	if words[1].Load() == 0 {
		return // begins under whatever rates there will be
	}
	for j := range words {
		r := &l.latent
		if j == 0 {
			r = &l.rates
		}
		own[j].n = to.n(own[j].n)
		own[j].rebase(float32(math.Float32frombits(words[j].Load())*to.scale), r, to.fresh)
	}
}
