package examination

import "math/bits"

// sightings remembers where items were seen whose outcomes wait for one at another position: a table of fixed size, four entries
// for each place that a hash may fall on, of which the one unused for longest makes room.
type sightings struct {
	pages [tablePages]*page
}

const (
	tablePages = 256
	pageSize   = 256 // entries
	ways       = 4
	waiting    = 8 // outcomes that wait in one entry, at most
)

type page [pageSize]sighting

// sighting is one item for one kind of query. All outcomes that wait in it were seen at the same position: two at different ones do
// not wait.
type sighting struct {
	key      uint64 // 0: free
	time     int64  // when the latest was shown
	position uint8
	n        uint8 // outcomes that wait, oldest first
	positive uint8 // bit i: whether the i-th is
}

// entryFor finds the entry of a key, or makes it. The id is that of its page.
func (s *sightings) entryFor(key uint64, touch func(page int)) *sighting {
	at := int(key >> 48 % tablePages)
	touch(at)
	if s.pages[at] == nil {
		s.pages[at] = new(page)
	}
	first := int(key>>32) % (pageSize / ways) * ways
	set := s.pages[at][first : first+ways]
	oldest := 0
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
		if set[i].key == 0 || set[oldest].key != 0 && set[i].time < set[oldest].time {
			oldest = i
		}
	}
	set[oldest] = sighting{key: key}
	return &set[oldest]
}

// match pairs an outcome at position k, from 0, with one of the same item for the same kind of query at another position, seen not
// long before, or lets it wait for one. Which ones meet depends on positions and times, never on the labels: what is left over is
// no selection.
func (e *Estimator) match(g *group, o *Outcome, k int, w float64) {
	key := sightingKey(o)
	s := e.table.entryFor(key, func(page int) { e.set.Touch(tableID + uint32(page)) })
	if s.n > 0 && o.Time-s.time > int64(e.o.Within) {
		s.n = 0
	}
	s.time = max(s.time, o.Time)
	if s.n == 0 || int(s.position) == k {
		s.wait(k, o.Positive)
		return
	}
	e.counts.Matched++
	earlier := s.positive&1 != 0
	high, low := min(k, int(s.position)), max(k, int(s.position))
	e.set.Touch(e.harvestID(o.Group, low))
	p := &g.harvest[triangle(high, low)]
	first, second := &p.high, &p.low
	if k == high {
		first, second = second, first
	}
	first.add(w, earlier)
	second.add(w, o.Positive)
	if earlier && o.Positive {
		p.both += float64(w * w)
	}
	s.n--
	s.positive >>= 1
}

// wait keeps an outcome; the oldest one makes room.
func (s *sighting) wait(k int, positive bool) {
	if s.n == waiting {
		s.n--
		s.positive >>= 1
	}
	s.position = uint8(k)
	if positive {
		s.positive |= 1 << s.n
	}
	s.n++
}

// sightingKey tells an item for a kind of query in a group from others; it is never 0.
func sightingKey(o *Outcome) uint64 {
	h := mix(o.Item ^ bits.RotateLeft64(o.Query, 31) ^ mix(uint64(o.Group)+1))
	return max(h, 1)
}

// mix is SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
