package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Standing is how a model stands: what the configuration gives, where the log has not said otherwise.
type Standing struct {
	Champion  bool          // it serves
	Frozen    bool          // learning rests; it goes on predicting
	Refresh   time.Duration // between two publications of what it has learned, in event time; 0: at once
	Published event.Time    // with a refresh: the multiple of it at which what serves was published; 0: none was yet
	Alpha     []float64     // by head: the rate that the log has given; 0: as configured
}

// standings is what the log has said of the models. The writer changes it; anyone may ask.
type standings struct {
	mu         sync.Mutex
	lineup     *lineup
	configured []time.Duration // refresh, by model
	promoted   string          // the model that the log has made champion; "": none
	tuned      []tuned         // by model
	set        *dirty.Set      // entry 0: promoted; 1 + model: tuned
}

// tuned is what the log has said of one model. The zero value is nothing.
type tuned struct {
	frozen    bool
	refreshed bool // refresh counts
	refresh   time.Duration
	held      bool       // predictions come from a copy, which is made anew at each multiple of the refresh
	published event.Time // the multiple at which it was made; 0: none yet
	alpha     []float64  // by head; nil or 0: nothing
}

// Entries. Key: prefix | length u8 | the model's name, which is empty for entry 0. Values, little-endian:
//
//	promoted  version u8 | the model's name
//	tuned     version u8 | flags u8 | refresh, published i64, in nanoseconds | rates: n u8 | n × (length u8 | head | alpha f64)
//
// What nothing was said of has no entry.
const (
	prefixStanding = 'm'
	standingV1     = 1
	flagFrozen     = 1
	flagRefreshed  = 2
	flagHeld       = 4
)

var errStanding = errors.New("what the log has said of a model is stored in a form that is unknown, or damaged")

func newStandings(l *lineup, refresh []time.Duration) *standings {
	s := &standings{lineup: l, configured: refresh, tuned: make([]tuned, len(l.models))}
	for i := range s.tuned {
		s.tuned[i].alpha = make([]float64, len(l.models[i].Heads()))
	}
	s.set = dirty.NewSet(s)
	return s
}

// AppendKey implements dirty.Table.
func (s *standings) AppendKey(dst []byte, id uint32) []byte {
	name := ""
	if id > 0 {
		name = s.lineup.models[id-1].Name()
	}
	return append(append(dst, prefixStanding, byte(len(name))), name...)
}

// AppendValue implements dirty.Table.
func (s *standings) AppendValue(dst []byte, id uint32) []byte {
	dst = append(dst, standingV1)
	if id == 0 {
		return append(dst, s.promoted...)
	}
	t := &s.tuned[id-1]
	flags := byte(0)
	if t.frozen {
		flags |= flagFrozen
	}
	if t.refreshed {
		flags |= flagRefreshed
	}
	if t.held {
		flags |= flagHeld
	}
	dst = binary.LittleEndian.AppendUint64(append(dst, flags), uint64(t.refresh))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.published))
	at, n := len(dst), 0
	dst = append(dst, 0)
	for h, alpha := range t.alpha {
		if alpha == 0 {
			continue
		}
		name := s.lineup.models[id-1].Head(h).Name()
		dst = append(append(dst, byte(len(name))), name...)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(alpha))
		n++
	}
	dst[at] = byte(n)
	return dst
}

// load takes an entry of a checkpoint; false: it is of a model that is not here.
func (s *standings) load(key, value []byte, sum dirty.Sum) (bool, error) {
	if len(key) < 2 || int(key[1]) != len(key)-2 || len(value) < 1 || value[0] != standingV1 {
		return true, errStanding
	}
	name, value := string(key[2:]), value[1:]
	if name == "" {
		s.promoted = string(value)
		s.set.Loaded(0, sum)
		return true, nil
	}
	i, ok := s.lineup.find(name)
	if !ok {
		return false, nil
	}
	if err := s.decode(i, value); err != nil {
		return true, fmt.Errorf("model %q: %w", name, err)
	}
	s.set.Loaded(uint32(1+i), sum)
	return true, nil
}

func (s *standings) decode(i int, b []byte) error {
	if len(b) < 18 {
		return errStanding
	}
	t := &s.tuned[i]
	t.frozen, t.refreshed, t.held = b[0]&flagFrozen != 0, b[0]&flagRefreshed != 0, b[0]&flagHeld != 0
	t.refresh = time.Duration(binary.LittleEndian.Uint64(b[1:]))
	t.published = event.Time(binary.LittleEndian.Uint64(b[9:]))
	n, b := int(b[17]), b[18:]
	for range n {
		if len(b) < 1 || len(b) < 9+int(b[0]) {
			return errStanding
		}
		name := string(b[1 : 1+b[0]])
		alpha := math.Float64frombits(binary.LittleEndian.Uint64(b[1+len(name):]))
		h, ok := s.lineup.models[i].Find(name)
		if !ok || !(alpha > 0) {
			return fmt.Errorf("%w: head %q with rate %v", errStanding, name, alpha)
		}
		t.alpha[h], b = alpha, b[9+len(name):]
	}
	if len(b) > 0 || t.refresh < 0 {
		return errStanding
	}
	return nil
}

// of returns how a model stands.
func (s *standings) of(i int) Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.tuned[i]
	return Standing{
		Champion: int(s.lineup.champion.Load()) == i, Frozen: t.frozen, Refresh: s.refresh(i), Published: t.published,
		Alpha: slices.Clone(t.alpha),
	}
}

// refresh is the one in force.
func (s *standings) refresh(i int) time.Duration {
	if t := &s.tuned[i]; t.refreshed {
		return t.refresh
	}
	return s.configured[i]
}

// Standing is how the i-th model stands. It may be asked by anyone.
func (e *Engine) Standing(i int) Standing { return e.standings.of(i) }

// promote lets the model that a record names serve.
func (e *Engine) promote(r *event.Record) error {
	p, err := r.Control.Promotion()
	if err != nil {
		return err
	}
	e.count(applied)
	i, ok := e.lineup.find(p.Model)
	if !ok {
		e.passedOver(r, p.Model)
		return nil
	}
	s := e.standings
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.Touch(0)
	s.promoted = p.Model
	e.lineup.champion.Store(int32(i))
	return nil
}

// passedOver tells of a record about a model, or a head, that is not configured any more. To stop would make it impossible to learn anew
// from this log.
func (e *Engine) passedOver(r *event.Record, name string) {
	e.log.Warn("the log speaks of a model that is not configured: passed over", zap.String("control", r.Control.Type),
		zap.String("name", name), zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
}

// tune changes how a model learns and publishes.
func (e *Engine) tune(r *event.Record) error {
	t, err := r.Control.Tuning()
	if err != nil {
		return err
	}
	e.count(applied)
	i, ok := e.lineup.find(t.Model)
	if !ok {
		e.passedOver(r, t.Model)
		return nil
	}
	s := e.standings
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.Touch(uint32(1 + i))
	to := &s.tuned[i]
	if t.Frozen != nil {
		to.frozen = *t.Frozen
		e.Models[i].Freeze(to.frozen)
	}
	for _, rate := range t.Rates {
		e.retune(r, i, rate)
	}
	if t.Refresh != nil {
		to.refreshed, to.refresh = true, *t.Refresh
		e.hold(i)
	}
	return nil
}

// retune gives a head of the i-th model another rate; predictions stay as they are at this moment.
func (e *Engine) retune(r *event.Record, i int, rate event.Rate) {
	m := e.Models[i]
	h, ok := m.Find(rate.Head)
	if !ok {
		e.passedOver(r, FlatName(m.Name(), rate.Head))
		return
	}
	if err := m.Retune(h, m.Head(h).AtRate(rate.Alpha)); err != nil {
		e.log.Warn("the log gives a rate that no head can learn with: passed over", zap.Error(err),
			zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
		return
	}
	e.standings.tuned[i].alpha[h] = rate.Alpha
	e.health.stopHurry(e.lineup.first[i] + h)
}

// seat brings into force what was loaded, and what is configured otherwise than it was.
func (e *Engine) seat() error {
	s := e.standings
	for i := range s.tuned {
		e.Models[i].Freeze(s.tuned[i].frozen)
		if s.tuned[i].held {
			e.Models[i].Hold(true) // though nothing may have been published
		}
		if s.tuned[i].held != (s.refresh(i) > 0) {
			s.set.Touch(uint32(1 + i))
			e.hold(i)
		}
	}
	if s.promoted == "" {
		return nil
	}
	if i, ok := e.lineup.find(s.promoted); ok {
		e.lineup.champion.Store(int32(i))
		return nil
	}
	e.log.Warn("the model that the log has promoted is not configured any more: the configured champion serves",
		zap.String("promoted", s.promoted), zap.String("champion", e.lineup.models[e.lineup.champion.Load()].Name()))
	s.set.Remove(0)
	s.promoted = ""
	return nil
}
