package model

import "math"

// Size returns the length of the head's vector of weights, √Σw², and whether all of them are finite. It reads the whole table:
// milliseconds, not for every request.
func (h *Head) Size() (length float64, whole bool) {
	var sum float64
	for row := range uint32(1) << h.seat.bits {
		words := h.seat.published(row)
		for i := range words {
			if bits := words[i].Load(); bits<<1 != 0 {
				w := float64(math.Float32frombits(bits))
				sum += float64(w * w)
			}
		}
	}
	return math.Sqrt(sum), finite(sum)
}
