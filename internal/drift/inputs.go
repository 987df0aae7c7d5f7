package drift

import (
	"fmt"
	"time"
)

// InputsOptions of Inputs. A zero field takes the default named beside it.
type InputsOptions struct {
	Columns []string      // names of the numbers of a point, 1 to 64; required
	Slice   time.Duration // of event time, that the PSI of a column compares; 1h
}

// Inputs watches points of numbers, such as features and predictions: each column by PSI, and all together by a Mixture.
type Inputs struct {
	columns []column
	mixture *Mixture
	alarms  Alarms // of the mixture
}

type column struct {
	name   string
	psi    *PSI
	alarms Alarms
}

// NewInputs returns Inputs that have seen nothing.
func NewInputs(o InputsOptions) (*Inputs, error) {
	mixture, err := NewMixture(MixtureOptions{Dims: len(o.Columns)})
	if err != nil {
		return nil, err
	}
	in := &Inputs{mixture: mixture}
	for _, name := range o.Columns {
		psi, err := NewPSI(PSIOptions{Slice: o.Slice})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		in.columns = append(in.columns, column{name: name, psi: psi})
	}
	return in, nil
}

// Observe takes a point, with a number for each column, at an event time in Unix nanoseconds, and does not keep it. NaN is a
// number that is missing.
func (in *Inputs) Observe(point []float64, at int64) {
	for i := range in.columns {
		c := &in.columns[i]
		c.alarms.count(c.psi.Add(point[i], at), at)
	}
	in.alarms.count(in.mixture.Add(point), at)
}

// Report tells how the columns, then the mixture, stand: the PSI of the slice compared last, and the share of its threshold that the
// mixture's test has gathered.
func (in *Inputs) Report() []DetectorReport {
	out := make([]DetectorReport, 0, len(in.columns)+1)
	for i := range in.columns {
		c := &in.columns[i]
		out = append(out, DetectorReport{Name: NamePSI, Column: c.name, Value: c.psi.Index(), Alarms: c.alarms})
	}
	return append(out, DetectorReport{Name: NameMixture, Value: in.mixture.Excess(), Alarms: in.alarms})
}

// Len returns the number of parts that are stored by themselves: the columns, and the mixture last.
func (in *Inputs) Len() int { return len(in.columns) + 1 }

const inputsV1 = 1

// AppendState appends a part: version | alarms | detector.
func (in *Inputs) AppendState(dst []byte, part int) []byte {
	dst = append(dst, inputsV1)
	if part == len(in.columns) {
		return in.mixture.AppendState(in.alarms.appendState(dst))
	}
	c := &in.columns[part]
	return c.psi.AppendState(c.alarms.appendState(dst))
}

// LoadState takes a part back. After an error nothing has changed.
func (in *Inputs) LoadState(part int, b []byte) error {
	r := reader{b: b}
	var alarms Alarms
	r.version(inputsV1)
	alarms.load(&r)
	switch {
	case r.bad || part < 0 || part > len(in.columns):
		return ErrState
	case part == len(in.columns):
		if err := in.mixture.LoadState(r.b); err != nil {
			return err
		}
		in.alarms = alarms
		return nil
	}
	c := &in.columns[part]
	if err := c.psi.LoadState(r.b); err != nil {
		return err
	}
	c.alarms = alarms
	return nil
}
