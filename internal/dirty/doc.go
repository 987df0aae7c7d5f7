// Package dirty keeps track of which entries of a table changed since the last checkpoint.
//
// A table belongs to one writer goroutine. It numbers its entries by small, dense ids and tells a [Set]
// before it changes one. A cut is then a matter of an epoch number: [Set.Cut] takes O(1), and the entries
// that were dirty are encoded a few at a time by [Set.Flush], or one by one by [Set.Touch] when the writer
// is about to change an entry that the cut still needs (copy on first touch). The writer never waits for a
// table to be copied, and what a cut emits is the table as it stood at the cut.
//
// A Set also keeps the digest of the table as it was last emitted: the sum over its entries of
// hash128(key, value), mod 2^128, together with their number. The order of the entries has no effect on it, and
// an entry is taken out of it as cheaply as put in.
//
// An entry that is in a committed checkpoint just as it is ([Set.Clean]) may leave memory ([Set.Evict]) and be read back
// ([Set.Revive]). A checkpoint that fails is undone by [Set.Abandon]: what it held is dirty again.
//
// Memory: 20 bytes for each id up to the greatest one seen, 4 for each dirty entry, and the keys removed
// since the last cut.
package dirty
