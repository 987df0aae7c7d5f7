package examination

import "math"

// curve is an estimate of log θ by position, relative to the first.
type curve struct {
	log      []float64 // log θ; [0] is 0
	variance []float64 // of it; [0] is 0
}

// ridge is the weight of a normal prior on each log θ, with mean 0: a tenth of one click's worth. It makes every curve finite,
// those without a click included, and vanishes beside evidence.
const ridge = 0.1

// stratum is a set of cells with a common relevance r: E[clicks of a cell] = n·θ_k·r.
type stratum struct {
	at         [2]int32 // into cells: from, to
	covariance float64  // of the clicks of its two cells; 0 where they have nothing to do with each other
}

type cell struct {
	position   int
	n, n2, c   float64
	share, fit float64 // of the stratum's clicks that the curve gives to the cell; expected click rate
}

// ratios finds the curve under which, given how many clicks each stratum has, they are spread over its positions as they were
// seen to be: the likelihood of AllPairs for few clicks, ℓ(log θ) = Σ_s Σ_k c_sk log q_sk with q_sk = n_sk θ_k / Σ_j n_sj θ_j. For
// one stratum that is θ_k/θ_1 = CTR_k/CTR_1. ℓ is concave; Newton's steps are halved where they go too far.
//
// The variance is that of the estimating equation (H⁻¹MH⁻¹): M sums, over the cells, the binomial variance Σw²·p(1−p) of their
// clicks, and the covariance of matched outcomes.
type ratios struct {
	k          int
	cells      []cell
	strata     []stratum
	x          []float64 // log θ, from the second position on
	gradient   []float64
	h, inverse []float64 // (k−1)²
	step       []float64
	trial      []float64
	theta      []float64 // of all positions
}

func newRatios(positions int) *ratios {
	m := positions - 1
	return &ratios{
		k: positions, theta: append([]float64{1}, make([]float64, m)...), x: make([]float64, m), gradient: make([]float64, m), step: make([]float64, m), trial: make([]float64, m),
		h: make([]float64, m*m), inverse: make([]float64, m*m),
	}
}

// reset begins anew, with no strata.
func (r *ratios) reset() { r.cells, r.strata = r.cells[:0], r.strata[:0] }

// begin opens a stratum, to which cells are added next.
func (r *ratios) begin(covariance float64) {
	n := int32(len(r.cells))
	r.strata = append(r.strata, stratum{[2]int32{n, n}, covariance})
}

func (r *ratios) add(position int, s *side) {
	if !(s.n > 0) {
		return
	}
	r.cells = append(r.cells, cell{position: position, n: s.n, n2: s.n2, c: s.c})
	r.strata[len(r.strata)-1].at[1]++
}

// likelihood is ℓ(x) less the prior; it also notes what the curve gives to each cell.
func (r *ratios) likelihood(x []float64) float64 {
	sum := 0.0
	for i, v := range x {
		sum -= float64(ridge / 2 * v * v)
		r.theta[i+1] = math.Exp(v)
	}
	for _, s := range r.strata {
		cells := r.cells[s.at[0]:s.at[1]]
		clicks, expected := 0.0, 0.0
		for i := range cells {
			c := &cells[i]
			c.share = float64(c.n * r.theta[c.position])
			clicks += c.c
			expected += c.share
		}
		if !(expected > 0) || !(clicks > 0) {
			for i := range cells {
				cells[i].share, cells[i].fit = 0, 0
			}
			continue
		}
		for i := range cells {
			c := &cells[i]
			if c.c > 0 {
				sum += float64(c.c * math.Log(c.share/expected))
			}
			c.share /= expected
			c.fit = min(1, clicks*c.share/c.n)
		}
	}
	return sum
}

// derive sets the gradient and −ℓ″ at x, at which the shares are.
func (r *ratios) derive(x []float64) {
	m := r.k - 1
	clear(r.h)
	for i, v := range x {
		r.gradient[i] = -float64(ridge * v)
		r.h[i*m+i] = ridge
	}
	for _, s := range r.strata {
		cells := r.cells[s.at[0]:s.at[1]]
		clicks := 0.0
		for i := range cells {
			clicks += cells[i].c
		}
		if !(clicks > 0) {
			continue
		}
		for i := range cells {
			a := &cells[i]
			if a.position == 0 {
				continue
			}
			r.gradient[a.position-1] += a.c - float64(clicks*a.share)
			for j := range cells {
				b := &cells[j]
				if b.position == 0 {
					continue
				}
				v := -float64(clicks * a.share * b.share)
				if i == j {
					v += float64(clicks * a.share)
				}
				r.h[(a.position-1)*m+b.position-1] += v
			}
		}
	}
}

// solve returns the curve. It always begins at the same one, so that what comes out is a function of the sums.
func (r *ratios) solve() curve {
	clear(r.x)
	at := r.likelihood(r.x)
	for range 50 {
		r.derive(r.x)
		if !invert(r.inverse, r.h, r.k-1) {
			break
		}
		multiply(r.step, r.inverse, r.gradient)
		gain, scale := 0.0, 1.0
		for i, g := range r.gradient {
			gain += float64(g * r.step[i])
		}
		if gain < 1e-10 {
			break
		}
		for ; scale > 1e-6; scale /= 2 {
			for i := range r.x {
				r.trial[i] = r.x[i] + float64(scale*r.step[i])
			}
			if next := r.likelihood(r.trial); next > at {
				at = next
				break
			}
		}
		if scale <= 1e-6 {
			r.likelihood(r.x)
			break
		}
		copy(r.x, r.trial)
	}
	return r.curve()
}

// curve reads the solution out, with its variance.
func (r *ratios) curve() curve {
	m := r.k - 1
	out := curve{log: make([]float64, r.k), variance: make([]float64, r.k)}
	copy(out.log[1:], r.x)
	r.derive(r.x)
	if !invert(r.inverse, r.h, m) {
		for i := range out.variance[1:] {
			out.variance[1+i] = 1 / ridge
		}
		return out
	}
	for i := range m {
		row := r.inverse[i*m : (i+1)*m]
		out.variance[i+1] = r.spread(row) + float64(ridge*row[i]*row[i])
	}
	return out
}

// spread is the variance of row·score: of each stratum, what its clicks add to it.
func (r *ratios) spread(row []float64) float64 {
	total := 0.0
	of := func(position int) float64 {
		if position == 0 {
			return 0
		}
		return row[position-1]
	}
	for _, s := range r.strata {
		cells := r.cells[s.at[0]:s.at[1]]
		mean := 0.0
		for i := range cells {
			mean += float64(cells[i].share * of(cells[i].position))
		}
		for i := range cells {
			c := &cells[i]
			a := of(c.position) - mean
			total += float64(float64(a*a) * float64(c.n2*c.fit*(1-c.fit)))
		}
		if len(cells) == 2 && s.covariance != 0 {
			total += float64(2 * s.covariance * (of(cells[0].position) - mean) * (of(cells[1].position) - mean))
		}
	}
	return max(total, 0)
}
