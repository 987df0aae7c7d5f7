package clickrate

import "recsvc/internal/tools/stream"

// HotUser is the one that Hot gives four events in five to.
const HotUser = 0

// Uniform is the stream with users who are all equally busy.
func Uniform(n uint64) Part { return rewritten(n, func(uint64, *stream.Event) {}) }

// Hot is Uniform but for four events in five, which are all of one user with one item.
func Hot(n uint64) Part {
	return rewritten(n, func(i uint64, e *stream.Event) {
		if i%5 != 0 {
			e.User, e.Item, e.Category = HotUser, 0, 0
		}
	})
}

func rewritten(n uint64, change func(i uint64, e *stream.Event)) Part {
	p := Part{Length: n}
	for i := range n {
		e := stream.At(i)
		e.User = uint32(i * 0x9E3779B97F4A7C15 >> 33 % stream.Users)
		change(i, &e)
		p.Events = append(p.Events, e)
		p.Numbers = append(p.Numbers, uint32(i))
	}
	return p
}
