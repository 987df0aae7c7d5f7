package features

// Sub-rows are the rows of tuples that start with a user or an item: [user, item.categories[0]] keeps one per
// category that the user met. They stand in one block of words per owner and scope, in order of arrival:
//
//	key | the row … | time of last change , repeated
//
// What is handed out is the row with the time behind it.

// stride is the length of one sub-row in its block.
func stride(words int) int { return 1 + words + 1 }

func findSub(block []uint64, key uint64, words int) []uint64 {
	if key == 0 {
		return nil
	}
	n := stride(words)
	for i := 0; i < len(block); i += n {
		if block[i] == key {
			return block[i+1 : i+n : i+n]
		}
	}
	return nil
}

// makeSub adds a sub-row. Where limit of them stand already, the one that changed longest ago gives way (by event time;
// the first of equals).
func makeSub(block *[]uint64, variable *bags, key uint64, sc *scope, limit int) []uint64 {
	n, b := stride(sc.words), *block
	i := len(b)
	if i >= limit*n {
		i = oldest(b, n)
		dropBags(b[i+1:i+n], variable, sc)
		clear(b[i : i+n])
	} else {
		b = append(b, make([]uint64, n)...)
	}
	b[i] = key
	*block = b
	return b[i+1 : i+n : i+n]
}

// dropBags gives up the variable parts of a row.
func dropBags(row []uint64, variable *bags, sc *scope) {
	s := slot{row, variable}
	for _, word := range sc.bagged {
		s.drop(word)
	}
}

// removeSub takes the sub-row at a place out of its block.
func removeSub(block []uint64, variable *bags, at int, sc *scope) []uint64 {
	n := stride(sc.words)
	dropBags(block[at+1:at+n], variable, sc)
	return append(block[:at], block[at+n:]...)
}

// oldest is the place of the sub-row that changed longest ago.
func oldest(block []uint64, n int) int {
	best := 0
	for i := n; i < len(block); i += n {
		if int64(block[i+n-1]) < int64(block[best+n-1]) {
			best = i
		}
	}
	return best
}
