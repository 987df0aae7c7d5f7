package features

import (
	"strings"

	"recsvc/internal/dirty"
)

// typeTable numbers the event types that were met, in log order, so that they can be remembered in few bits. Types
// beyond the bound share the number 0, "other".
type typeTable struct {
	names   []string
	ids     map[string]uint16
	weights []float64 // popularity of each type
	table   map[string]float64
	set     *dirty.Set
}

const maxTypes = 1 << 12

func (t *typeTable) init(weights map[string]float64) {
	*t = typeTable{names: []string{"other"}, ids: map[string]uint16{"other": 0}, weights: []float64{0}, table: weights}
	t.set = dirty.NewSet(t)
}

func (t *typeTable) id(name string) uint16 {
	if i, ok := t.ids[name]; ok {
		return i
	}
	if len(t.names) >= maxTypes {
		return 0
	}
	i := uint16(len(t.names))
	t.set.Touch(uint32(i))
	name = strings.Clone(name)
	t.names, t.ids[name], t.weights = append(t.names, name), i, append(t.weights, t.table[name])
	return i
}
