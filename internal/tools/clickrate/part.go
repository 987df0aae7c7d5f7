package clickrate

import (
	"strconv"

	"recsvc/internal/tools/stream"
)

// Part is the share of a stream that one worker takes: the events of its users, in the order of the stream, as a topic keyed by
// user would give them.
type Part struct {
	Events  []stream.Event
	Numbers []uint32 // of the events in the whole stream
	Length  uint64   // of the whole stream
}

// Split divides the first n events among p workers by user mod p.
func Split(n uint64, p int) []Part {
	parts := make([]Part, p)
	for i := range n {
		e := stream.At(i)
		part := &parts[int(e.User)%p]
		part.Events = append(part.Events, e)
		part.Numbers = append(part.Numbers, uint32(i))
	}
	for i := range parts {
		parts[i].Length = n
	}
	return parts
}

// span is how much time the whole stream takes, in milliseconds: a lap later all times are greater by it.
func (p *Part) span() int64 { return int64(p.Length / stream.PerMilli) }

// Names are the texts that stand for users and items in records.
type Names struct{ users, items []string }

// NewNames makes the names of all users and items of the stream.
func NewNames() *Names {
	return &Names{numbered("u", stream.Users), numbered("i", stream.Items)}
}

func numbered(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + strconv.Itoa(i)
	}
	return names
}
