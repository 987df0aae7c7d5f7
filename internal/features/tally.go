package features

import (
	"cmp"
	"slices"

	"recsvc/internal/event"
)

// tally counts keys over one sliding window, or all time, in one bag: a run for each tile in which something came, the newest first,
//
//	tile | keys | key | count | key | count …
//
// A run holds at most size keys. What happens to the next one is for full to say.
type tally struct {
	ring // its lanes are not used
	size int
	full func(run []uint64, key uint64) // changes a run of size keys, given without its head, to have counted one that it lacks
}

// counted is a key with how often it came.
type counted struct{ key, n uint64 }

// layout has room for a full run for each tile.
func (y tally) layout() layout { return oneBag(int(max(y.kept, 1)) * (2 + 2*y.size)) }

// number is the number of the tile that holds t.
func (r ring) number(t event.Time) int64 {
	if r.tiles == 0 {
		return 0
	}
	return tileOf(t, r.slide)
}

// add counts a key at t. One that is older than what is kept is dropped.
func (y tally) add(s slot, t event.Time, key uint64) {
	b, tile := s.bag(0), y.number(t)
	if len(b) > 0 && tile <= int64(b[0])-max(y.kept, 1) {
		return
	}
	at := 0
	for at < len(b) && int64(b[at]) > tile {
		at += runWords(b, at)
	}
	if at == len(b) || int64(b[at]) != tile {
		if at == 0 {
			b = y.expire(b, tile)
		}
		b = slices.Insert(b, at, uint64(tile), 1, key, 1)
		s.keep(0, b)
		return
	}
	s.keep(0, y.count(b, at, key))
}

// count counts a key in the run at a place.
func (y tally) count(b []uint64, at int, key uint64) []uint64 {
	end := at + runWords(b, at)
	for i := at + 2; i < end; i += 2 {
		if b[i] == key {
			b[i+1]++
			return b
		}
	}
	if int(b[at+1]) < y.size {
		b[at+1]++
		return slices.Insert(b, end, key, 1)
	}
	y.full(b[at+2:end], key)
	return b
}

// expire leaves the runs that still count once head is the newest tile.
func (y tally) expire(b []uint64, head int64) []uint64 {
	at := 0
	for at < len(b) && int64(b[at]) > head-max(y.kept, 1) {
		at += runWords(b, at)
	}
	return b[:at]
}

// runWords is the length of the run at a place.
func runWords(b []uint64, at int) int { return 2 + 2*int(b[at+1]) }

// read adds the keys of the window that q reads up, in ascending order. What it returns is good until the next call.
func (y tally) read(q *Query, s slot) []counted {
	b, all := s.bag(0), q.merged[:0]
	now := y.number(q.now)
	for at := 0; at < len(b); at += runWords(b, at) {
		if tile := int64(b[at]); tile > now || tile <= now-max(y.tiles, 1) {
			continue
		}
		for i := at + 2; i < at+runWords(b, at); i += 2 {
			all = append(all, counted{b[i], b[i+1]})
		}
	}
	q.merged = all
	slices.SortFunc(all, func(a, b counted) int { return cmp.Compare(a.key, b.key) })
	out := all[:0]
	for _, c := range all {
		if n := len(out); n > 0 && out[n-1].key == c.key {
			out[n-1].n += c.n
		} else {
			out = append(out, c)
		}
	}
	return out
}

// takeOver counts a key in the place of the one that came least (the first of equals), and on from its count: the space-saving
// algorithm of Metwally, Agrawal and El Abbadi (2005). A count is then too high by no more than the least one, and their sum is exact.
func takeOver(run []uint64, key uint64) {
	least := 0
	for i := 2; i < len(run); i += 2 {
		if run[i+1] < run[least+1] {
			least = i
		}
	}
	run[least] = key
	run[least+1]++
}

// collapse counts a key among those of ascending order, of which only the highest are told apart: the lowest that remains stands for
// all below it. It does not matter in which order they came.
func collapse(run []uint64, key uint64) {
	lowest, next := lowestTwo(run)
	if int64(key) < int64(run[lowest]) {
		run[lowest+1]++
		return
	}
	if next < 0 || int64(key) < int64(run[next]) {
		run[lowest] = key
		run[lowest+1]++
		return
	}
	run[next+1] += run[lowest+1]
	run[lowest], run[lowest+1] = key, 1
}

// lowestTwo are the places of the lowest key and of the one above it; -1: there is none.
func lowestTwo(run []uint64) (lowest, next int) {
	next = -1
	for i := 2; i < len(run); i += 2 {
		switch {
		case int64(run[i]) < int64(run[lowest]):
			lowest, next = i, lowest
		case next < 0 || int64(run[i]) < int64(run[next]):
			next = i
		}
	}
	return lowest, next
}
