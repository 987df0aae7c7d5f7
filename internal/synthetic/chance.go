package synthetic

// The seeds of the draws of examples, of the weights of values, of the vectors of pairs, and of what is promoted.
const (
	seedDraw      = uint64(20260101)
	seedWeight    = uint64(0x57)
	seedPair      = uint64(0x51) << 32
	seedPromotion = uint64(0x50) << 32
)

// mix is splitmix64.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}

// uniform is in [0, 1).
func uniform(r uint64) float64 { return float64(r>>11) * (1.0 / (1 << 53)) }

// normal has mean 0 and deviation 1: the sum of four uniform numbers.
func normal(h uint64) float64 {
	sum := (h & 0xffff) + (h >> 16 & 0xffff) + (h >> 32 & 0xffff) + h>>48
	return (float64(sum) - 131070) / 37837.2
}
