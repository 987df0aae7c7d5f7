// Package prints keeps fingerprints in little memory: a set of 64-bit hashes, each with the hour that it belongs to,
// of which whole hours are forgotten at once. It is made for tens of millions of them, in the apply path.
//
// A fingerprint stands beside one byte that names its hour: seven of both fill a cache line of 64 bytes, so that a
// look-up costs one miss. The lines form many small open-addressing tables that hold some thousand fingerprints each,
// filled to between 75 % and 85 %. The set grows by splitting one table and shrinks by merging two, as linear hashing
// does (Litwin 1980), so that no call ever moves more than the fingerprints of a table or two, and nothing is ever
// allocated that the kernel would have to clear for long.
//
// An hour is forgotten in O(1): its number is taken from the list of live ones, and its fingerprints count as absent
// from then on. They leave a table when something is next added to it.
//
// At ten million fingerprints of 24 hours it takes 11.8 bytes each, a map 30; adding one costs 310 to 360 ns, growth
// included, and looking one up 200 ns (a map: 190 and 100), nearly all of it the wait for memory. Two cores of a Xeon
// in the cloud, single runs.
//
// The package does no I/O and knows no clock. What can be seen of a set is a function of the calls that were made.
package prints
