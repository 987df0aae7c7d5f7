package drift

// Alarms counts what one detector has said.
type Alarms struct {
	Up, Down uint64
	At       int64 // event time of the last one, Unix nanoseconds; 0: there was none
}

func (a *Alarms) count(s Shift, at int64) {
	switch s {
	case Up:
		a.Up, a.At = a.Up+1, at
	case Down:
		a.Down, a.At = a.Down+1, at
	}
}

func (a *Alarms) appendState(dst []byte) []byte {
	return appendSigned(appendCount(appendCount(dst, int(a.Up)), int(a.Down)), a.At)
}

func (a *Alarms) load(r *reader) {
	*a = Alarms{Up: uint64(r.count(maxCount)), Down: uint64(r.count(maxCount)), At: r.signed()}
}
