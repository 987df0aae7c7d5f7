package model

import "fmt"

// TakeWeights makes m predict as from does. Both must have been made with the same options, and belong to the caller meanwhile, though
// others may predict with m. m must not learn or be saved: it has the weights, and not what they were learned from.
func (m *Model) TakeWeights(from *Model) error {
	if len(m.table.w) != len(from.table.w) {
		return fmt.Errorf("model %s: weights of %s, which has %d of them and not %d", m.name, from.name, len(from.table.w), len(m.table.w))
	}
	for i := range from.table.w {
		if w := from.table.w[i].Load(); m.table.w[i].Load() != w { // to store costs much more
			m.table.w[i].Store(w)
		}
	}
	for i, h := range from.heads {
		if h.calibrator != nil && !h.calibrator.blank() {
			if err := m.heads[i].calibrator.decode(h.calibrator.append(nil)); err != nil {
				return fmt.Errorf("model %s: calibration of %s: %w", m.name, h.name, err)
			}
		}
	}
	return nil
}

// Bytes is what the table takes in memory: the weights that are read, and what the writer keeps to learn.
func (m *Model) Bytes() (published, own int64) {
	return 4 * int64(len(m.table.w)), 8 * int64(len(m.table.acc))
}
