package features

import "recsvc/internal/event"

// Sub-rows are the rows of tuples that start with a user or an item: [user, item.categories[0]] keeps one per
// category that the user met. They stand in one block of words per owner and scope, newest last to arrive:
//
//	key | time of last change | the row … , repeated

// subHeader is the words before the row.
const subHeader = 2

func findSub(block []uint64, key uint64, words int) []uint64 {
	if key == 0 {
		return nil
	}
	stride := subHeader + words
	for i := 0; i < len(block); i += stride {
		if block[i] == key {
			return block[i+subHeader : i+stride : i+stride]
		}
	}
	return nil
}

// makeSub finds the sub-row of key or makes one. Where limit of them stand already, the one that changed longest ago
// gives way (by event time; the first of equals).
func makeSub(block *[]uint64, key uint64, words, limit int, t event.Time) []uint64 {
	stride := subHeader + words
	b := *block
	for i := 0; i < len(b); i += stride {
		if b[i] == key {
			if event.Time(b[i+1]) < t {
				b[i+1] = uint64(t)
			}
			return b[i+subHeader : i+stride : i+stride]
		}
	}
	i := len(b)
	if i >= limit*stride {
		i = oldest(b, stride)
		clear(b[i : i+stride])
	} else {
		b = append(b, make([]uint64, stride)...)
	}
	b[i], b[i+1] = key, uint64(t)
	*block = b
	return b[i+subHeader : i+stride : i+stride]
}

func oldest(block []uint64, stride int) int {
	best := 0
	for i := stride; i < len(block); i += stride {
		if int64(block[i+1]) < int64(block[best+1]) {
			best = i
		}
	}
	return best
}
