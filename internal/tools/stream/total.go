package stream

// Total sums up the outputs of a job. The order in which they come has no effect.
type Total struct {
	Outputs  uint64
	A, B     uint64 // sums of what the outputs say
	Checksum uint64
}

// Plus is the total of the outputs of both.
func (t Total) Plus(o Total) Total {
	return Total{t.Outputs + o.Outputs, t.A + o.A, t.B + o.B, t.Checksum + o.Checksum}
}

// Add counts one output about a user:
//
//	job      id                             a                        b
//	window   the window's end               clicks in it             impressions in it
//	ring     the event's number             clicks in the 6 tiles    impressions in the 6 tiles
//	pattern  the time of the third click    the category             the time of the first click
//
// Times are Unix milliseconds.
func (t *Total) Add(user uint32, id, a, b uint64) {
	t.Outputs++
	t.A += a
	t.B += b
	t.Checksum += mix(mix(mix(mix(uint64(user)+golden)^id)^a) ^ b)
}
