package examination

import (
	"fmt"
	"math"
	"time"
)

// Method is a way to know θ.
type Method uint8

// The methods.
const (
	Fixed   Method = iota // configured tables hold; the estimates are only shown
	Swaps                 // from lists that were drawn in part
	Harvest               // from items that were seen at several positions
	EM                    // from the model's own predictions
)

// methods are the names, by Method.
var methods = [...]string{"fixed", "swaps", "harvest", "em"}

func (m Method) String() string {
	if int(m) < len(methods) {
		return methods[m]
	}
	return fmt.Sprintf("Method(%d)", uint8(m))
}

// ParseMethod reads fixed, swaps, harvest or em.
func ParseMethod(s string) (Method, error) {
	for i, name := range methods {
		if s == name {
			return Method(i), nil
		}
	}
	return 0, fmt.Errorf("method %q is not fixed, swaps, harvest or em", s)
}

// Options configure an Estimator. A zero field takes the default named beside it.
type Options struct {
	Method    Method        // what Theta goes by; Fixed
	Positions int           // positions told apart, at most MaxPositions: those below the last count as it; 20
	Groups    int           // (scene, layout) pairs told apart; those that come later are not estimated; 64
	HalfLife  time.Duration // of what was observed, in event time; 7 days
	Step      time.Duration // θ in force changes when the watermark passes a multiple of it; 10m
	MinWeight float64       // effective number of outcomes that a position and the first one need for an estimate to be in force; 300
	Floor     float64       // least θ in force, in (0, 1]; 0.01
	Within    time.Duration // how far apart in event time two sightings of an item may lie to be compared; 24h
}

// MaxPositions bounds Options.Positions.
const MaxPositions = 100

func (o *Options) setDefaults() {
	if o.Positions == 0 {
		o.Positions = 20
	}
	if o.Groups == 0 {
		o.Groups = 64
	}
	if o.HalfLife == 0 {
		o.HalfLife = 7 * 24 * time.Hour
	}
	if o.Step == 0 {
		o.Step = 10 * time.Minute
	}
	if o.MinWeight == 0 {
		o.MinWeight = 300
	}
	if o.Floor == 0 {
		o.Floor = 0.01
	}
	if o.Within == 0 {
		o.Within = 24 * time.Hour
	}
}

func (o *Options) check() error {
	switch {
	case int(o.Method) >= len(methods):
		return fmt.Errorf("examination: method %d is unknown", o.Method)
	case o.Positions < 2 || o.Positions > MaxPositions:
		return fmt.Errorf("examination: positions %d: want 2 to %d", o.Positions, MaxPositions)
	case o.Groups < 1 || o.Groups > 1<<16:
		return fmt.Errorf("examination: groups %d: want 1 to 65536", o.Groups)
	case o.HalfLife < time.Minute:
		return fmt.Errorf("examination: half-life %v: want a minute at least", o.HalfLife)
	case o.Step < time.Second:
		return fmt.Errorf("examination: step %v: want a second at least", o.Step)
	case !(o.MinWeight > 0) || math.IsInf(o.MinWeight, 0):
		return fmt.Errorf("examination: min weight %v: want more than 0", o.MinWeight)
	case !(o.Floor > 0 && o.Floor <= 1):
		return fmt.Errorf("examination: floor %v: want a probability in (0, 1]", o.Floor)
	case o.Within <= 0:
		return fmt.Errorf("examination: within %v: want more than 0", o.Within)
	}
	return nil
}
