package eval

import (
	"cmp"
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// Truth is what came of what was shown, for one head, in the order of settlement. It is the same for all arms.
type Truth struct {
	Time     []event.Time // when it was shown
	User     []uint64     // 0: nobody in particular
	Positive []bool
}

func (t *Truth) add(s feedback.Settled) {
	t.Time, t.User, t.Positive = append(t.Time, s.Exposed), append(t.User, s.User), append(t.Positive, s.Positive)
}

// Len is the number of outcomes.
func (t *Truth) Len() int { return len(t.Time) }

// Equal reports whether two runs saw the same.
func (t *Truth) Equal(o *Truth) bool {
	return slices.Equal(t.Time, o.Time) && slices.Equal(t.User, o.User) && slices.Equal(t.Positive, o.Positive)
}

// shown returns the places of the outcomes in the order in which they were shown.
func (t *Truth) shown() []int {
	order := make([]int, t.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.Time[a], t.Time[b]) })
	return order
}

// group returns which of the groups of users an outcome belongs to. Who is nobody in particular stands alone.
func (t *Truth) group(i int) int {
	hash := t.User[i]
	if hash == 0 {
		hash = uint64(i) + 1
	}
	hash ^= hash >> 32
	hash *= 0x9e3779b97f4a7c15
	return int((hash >> 32) % Groups)
}
