package stream

// The constants of the generator.
const (
	Users      = 100_000
	Items      = 10_000
	Categories = 20

	Start    = 1_700_000_000_000 // time of event 0, Unix milliseconds
	PerMilli = 10                // events in a millisecond
	Disorder = 5_000             // milliseconds that an event's time lies behind its place in the stream, at most

	seed   = 0x5EED20261123
	golden = 0x9E3779B97F4A7C15
)

// Event is one click or impression.
type Event struct {
	User     uint32 // below Users
	Item     uint32 // below Items
	Category uint32 // of the item, below Categories
	Click    bool   // else an impression
	TS       int64  // Unix milliseconds
}

// levels of the users' law: level l < lastLevel is a group of 2^l users, the last one takes the rest; all are equally busy.
const (
	lastLevel = 16
	lastGroup = Users - (1<<lastLevel - 1)
)

// At returns event i.
func At(i uint64) Event {
	who, what, does, when := word(i, 0), word(i, 1), word(i, 2), word(i, 3)
	level := who >> 32 % (lastLevel + 1)
	group := uint64(1) << level
	if level == lastLevel {
		group = lastGroup
	}
	e := Event{
		User:  uint32(1<<level - 1 + who&0xFFFFFFFF%group),
		Item:  uint32(what >> 1 % Items),
		Click: does>>1%10 == 0,
		TS:    Start + int64(i/PerMilli),
	}
	e.Category = e.Item % Categories
	if when>>32%20 == 0 {
		e.TS -= 1 + int64(when&0xFFFFFFFF%Disorder)
	}
	return e
}

// word is the k-th random word of event i; k runs from 0 to 3.
func word(i, k uint64) uint64 { return mix(seed + (4*i+k+1)*golden) }

// mix is splitmix64's finalizer.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
