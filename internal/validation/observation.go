package validation

// Observation pairs a prediction with what came of it.
type Observation struct {
	P        float32 // as predicted at capture, before anything of this impression was learned
	Theta    float32 // probability that the position was examined; 0 means 1. The outcome is compared with Theta·P
	Positive bool
	Time     int64   // when the item was shown, Unix nanoseconds: chooses day and span
	Final    int64   // when the outcome was final, in event time; less than Time means then
	Weight   float32 // of what was shown; 0 means 1
	User     uint64  // a hash; 0: nobody in particular
	Tag      Tag     // where it belongs, by the head's Slicer
}

// theta is the probability of examination.
func (o *Observation) theta() float64 {
	if o.Theta == 0 {
		return 1
	}
	return float64(o.Theta)
}

// weight is what the outcome counts for in weighted figures.
func (o *Observation) weight() float64 {
	if o.Weight == 0 {
		return 1
	}
	return float64(o.Weight)
}
