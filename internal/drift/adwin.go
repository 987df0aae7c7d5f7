package drift

import (
	"fmt"
	"math"
)

// ADWINOptions of an ADWIN. A zero field takes the default named beside it.
type ADWINOptions struct {
	Delta     float64 // confidence: roughly the chance of a false alarm per window looked at, in (0, 1); 0.002
	Min, Max  float64 // values are clamped to this range, which the bound assumes; 0 and 1
	Every     int     // values between two looks for a change; 32
	MaxWindow int     // most values that the window covers, within a fifth; 1<<20
}

// ADWIN is adaptive windowing (Bifet & Gavaldà 2007, "Learning from Time-Changing Data with Adaptive Windowing"): a
// window over the latest values, cut wherever two parts of it have means that differ by more than chance explains:
//
//	ε = √(2/m · σ² · ln(2/δ′)) + 2/(3m) · R · ln(2/δ′),  1/m = 1/n₀ + 1/n₁,  δ′ = δ/ln n
//
// with σ² and n of the whole window and R the range. The window is an exponential histogram: 5 buckets of each size
// 1, 2, 4 …, so that a million values take some 100 buckets.
type ADWIN struct {
	delta, low, high float64
	every            int
	rows             []adwinRow // by the binary logarithm of the size of their buckets
	since            int        // values since the last look
}

// adwinPerRow is how many buckets of one size there may be: more are more exact, and cost more.
const adwinPerRow = 5

type adwinRow struct {
	n       int
	buckets [adwinPerRow + 1]adwinBucket // the oldest first
}

type adwinBucket struct {
	sum float64
	m2  float64 // Σ(x − mean)²
}

// NewADWIN returns an ADWIN with an empty window.
func NewADWIN(o ADWINOptions) (*ADWIN, error) {
	if o.Delta == 0 {
		o.Delta = 0.002
	}
	if o.Min == 0 && o.Max == 0 {
		o.Max = 1
	}
	if o.Every == 0 {
		o.Every = 32
	}
	if o.MaxWindow == 0 {
		o.MaxWindow = 1 << 20
	}
	switch {
	case !(o.Delta > 0 && o.Delta < 1):
		return nil, fmt.Errorf("drift: ADWIN's delta %v is not within 0 and 1", o.Delta)
	case !finite(o.Min) || !finite(o.Max) || !(o.Min < o.Max):
		return nil, fmt.Errorf("drift: ADWIN's range %v to %v is none", o.Min, o.Max)
	case o.Every < 1 || o.Every > 1<<20:
		return nil, fmt.Errorf("drift: ADWIN looks every %d values, want 1 to %d", o.Every, 1<<20)
	case o.MaxWindow < 100 || o.MaxWindow > 1<<40:
		return nil, fmt.Errorf("drift: ADWIN's window of %d values is not within 100 and 2^40", o.MaxWindow)
	}
	a := &ADWIN{delta: o.Delta, low: o.Min, high: o.Max, every: o.Every}
	rows := 1
	for covered := adwinPerRow; covered < o.MaxWindow; rows++ {
		covered += adwinPerRow << rows
	}
	a.rows = make([]adwinRow, rows)
	return a, nil
}

// Add takes the next value.
func (a *ADWIN) Add(x float64) Shift {
	if !finite(x) {
		return None
	}
	a.push(0, adwinBucket{sum: clamp(x, a.low, a.high)})
	if a.since++; a.since < a.every {
		return None
	}
	a.since = 0
	shift := None
	for {
		s := a.look()
		if s == None {
			return shift
		}
		if shift == None {
			shift = s
		}
		a.drop()
	}
}

// push adds a bucket to a row; where that has too many, its two oldest become one of the next row. What does not fit
// into the last row is forgotten.
func (a *ADWIN) push(i int, b adwinBucket) {
	r := &a.rows[i]
	r.buckets[r.n] = b
	if r.n++; r.n <= adwinPerRow {
		return
	}
	if i+1 == len(a.rows) {
		r.shift(1)
		return
	}
	merged := mergeEqual(r.buckets[0], r.buckets[1], float64(uint64(1)<<i))
	r.shift(2)
	a.push(i+1, merged)
}

// mergeEqual joins two buckets of n values each.
func mergeEqual(x, y adwinBucket, n float64) adwinBucket {
	d := (x.sum - y.sum) / n
	return adwinBucket{sum: x.sum + y.sum, m2: x.m2 + y.m2 + float64(square(d)*n/2)}
}

// shift forgets the oldest k buckets.
func (r *adwinRow) shift(k int) {
	copy(r.buckets[:], r.buckets[k:r.n])
	r.n -= k
}

// drop forgets the oldest bucket of the window.
func (a *ADWIN) drop() {
	for i := len(a.rows) - 1; i >= 0; i-- {
		if a.rows[i].n > 0 {
			a.rows[i].shift(1)
			return
		}
	}
}

// total is the count, sum and Σ(x − mean)² of the window, from its buckets, so that no rounding gathers.
func (a *ADWIN) total() (n, sum, m2 float64) {
	for i := len(a.rows) - 1; i >= 0; i-- {
		size := float64(uint64(1) << i)
		for _, b := range a.rows[i].buckets[:a.rows[i].n] {
			if n > 0 {
				d := sum/n - b.sum/size
				m2 += float64(square(d) * (n * size / (n + size)))
			}
			n, sum, m2 = n+size, sum+b.sum, m2+b.m2
		}
	}
	return n, sum, m2
}

// look compares what is older with what is newer, at every boundary between two buckets.
func (a *ADWIN) look() Shift {
	n, sum, m2 := a.total()
	if n < 2*float64(a.every) {
		return None
	}
	log := math.Log(2 * math.Log(n) / a.delta)
	spread, wide := 2*m2/n*log, float64(2.0/3)*(a.high-a.low)*log
	var n0, sum0 float64
	for i := len(a.rows) - 1; i >= 0; i-- {
		size := float64(uint64(1) << i)
		for _, b := range a.rows[i].buckets[:a.rows[i].n] {
			n0, sum0 = n0+size, sum0+b.sum
			n1 := n - n0
			if n0 < adwinPerRow || n1 < adwinPerRow {
				continue
			}
			gap := (sum-sum0)/n1 - sum0/n0
			inverse := 1/n0 + 1/n1
			if math.Abs(gap) > math.Sqrt(spread*inverse)+float64(wide*inverse) {
				return direction(gap > 0)
			}
		}
	}
	return None
}

// Mean returns the window's mean and its number of values; NaN of none.
func (a *ADWIN) Mean() (mean float64, n int) {
	count, sum, _ := a.total()
	return sum / count, int(count)
}

const adwinV1 = 1

// AppendState appends what the window remembers: version | values since the last look | rows | per row: buckets, and of
// each its sum and Σ(x − mean)².
func (a *ADWIN) AppendState(dst []byte) []byte {
	dst = appendCount(append(dst, adwinV1), a.since)
	rows := len(a.rows)
	for rows > 0 && a.rows[rows-1].n == 0 {
		rows--
	}
	dst = appendCount(dst, rows)
	for i := range a.rows[:rows] {
		dst = append(dst, byte(a.rows[i].n))
		for _, b := range a.rows[i].buckets[:a.rows[i].n] {
			dst = appendFloat(appendFloat(dst, b.sum), b.m2)
		}
	}
	return dst
}

// LoadState takes back what AppendState of an ADWIN with the same options has appended. After an error nothing has changed.
func (a *ADWIN) LoadState(b []byte) error {
	r := reader{b: b}
	since, rows := a.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	a.since, a.rows = since, rows
	return nil
}

func (a *ADWIN) load(r *reader) (since int, rows []adwinRow) {
	r.version(adwinV1)
	since = r.count(a.every - 1)
	rows = make([]adwinRow, len(a.rows))
	for i := range r.count(len(a.rows)) {
		rows[i].n = r.count(adwinPerRow)
		size := float64(uint64(1) << i)
		for k := range rows[i].n {
			b := adwinBucket{sum: r.float(), m2: r.positive()}
			if !within(b.sum/size, a.low-1e-6*(a.high-a.low), a.high+1e-6*(a.high-a.low)) {
				r.fail()
			}
			rows[i].buckets[k] = b
		}
	}
	return since, rows
}
