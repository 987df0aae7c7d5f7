package drift

import "math"

// Shift says that a stream has changed, and which way.
type Shift int8

// What a detector may answer.
const (
	None Shift = 0
	Up   Shift = 1  // it has risen; of a distribution: it lies elsewhere
	Down Shift = -1 // it has fallen
)

// String returns none, up or down.
func (s Shift) String() string {
	switch s {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "none"
}

func direction(rise bool) Shift {
	if rise {
		return Up
	}
	return Down
}

func finite(x float64) bool { return x-x == 0 }

// within reports whether x is a number between low and high, both included.
func within(x, low, high float64) bool { return x >= low && x <= high }

// square keeps a compiler from fusing the product into a sum around it.
func square(x float64) float64 { return float64(x * x) }

func clamp(x, low, high float64) float64 { return math.Min(math.Max(x, low), high) }
