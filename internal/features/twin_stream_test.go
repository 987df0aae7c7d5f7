package features

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// twinFormula is a condition (1 or 0) or an expression of a definition that is put through the twin, as Go. ok is false for other names.
func twinFormula(text string, e *twinEvent) (v event.Value, ok bool) {
	price := e.ofItem["price"]
	switch text {
	case "value > 3 && item.price < 60":
		return truth(e.HasValue && e.Value > 3 && twinFloat(price) < 60), true
	case `context.device == "ios"`:
		device, _ := e.Context.Get("device")
		return truth(device.Str == "ios"), true
	case "value >= 0.9 * context.duration":
		duration, _ := e.Context.Get("duration")
		return truth(e.HasValue && duration.Kind == event.Number && e.Value >= float64(0.9*duration.Num)), true
	case "value < 3":
		return truth(e.HasValue && e.Value < 3), true
	case "value * item.price", "item.price * value":
		if e.HasValue && price.Kind == event.Number {
			v = num(e.Value * price.Num)
		}
		return v, true
	}
	return v, false
}

func truth(b bool) event.Value {
	if b {
		return num(1)
	}
	return num(0)
}

// twinStream makes one random log.
type twinStream struct {
	*rand.Rand
	now event.Time
}

var twinTexts = []string{"多少钱？", "链接", "发个链接，多少钱", "great!", "not great", "太差了", "stone", "\xff"}

var twinDevices = []string{"ios", "android", "web", ""}

// step lets time pass: mostly a little, often not at all, at times a long silence, seldom years.
func (r *twinStream) step() {
	var d time.Duration
	switch p := r.IntN(1000); {
	case p < 250:
	case p < 800:
		d = time.Duration(r.Int64N(int64(8 * time.Second)))
	case p < 930:
		d = time.Duration(r.Int64N(int64(3 * time.Minute)))
	case p < 980:
		d = time.Duration(r.Int64N(int64(2 * time.Hour)))
	case p < 996:
		d = time.Duration(r.Int64N(int64(3 * 24 * time.Hour)))
	case p < 999:
		d = time.Duration(r.Int64N(int64(60 * 24 * time.Hour)))
	default:
		d = time.Duration(r.Int64N(int64(3 * 365 * 24 * time.Hour)))
	}
	r.now = r.now.Add(d)
}

// when is the time of the next event: now, seconds late, late up to the horizon of a day, or on the edge of a tile.
func (r *twinStream) when() event.Time {
	switch p := r.IntN(100); {
	case p < 70:
		return r.now
	case p < 85:
		return r.now.Add(-time.Duration(r.Int64N(int64(5 * time.Second))))
	case p < 93:
		return r.now.Add(-time.Duration(r.Int64N(int64(24 * time.Hour))))
	}
	edge := event.Time(10 * time.Second)
	return r.now/edge*edge + event.Time(r.IntN(3)-1) - event.Time(r.IntN(2))*edge
}

func (r *twinStream) user() string { return fmt.Sprint("u", r.IntN(6)) }
func (r *twinStream) item() string { return fmt.Sprint("i", r.IntN(12)) }

func (r *twinStream) context() (a event.Attributes) {
	if d := twinDevices[r.IntN(len(twinDevices))]; d != "" {
		a = append(a, event.Attribute{Key: "device", Value: text(d)})
	}
	if r.IntN(4) > 0 {
		a = append(a, event.Attribute{Key: "room", Value: num(float64(r.IntN(3)))})
	}
	if r.IntN(3) > 0 { // one for each half hour, so that they come and go
		a = append(a, event.Attribute{Key: "session", Value: num(float64(r.now / event.Time(30*time.Minute)))})
	}
	return a
}

// event draws one. Its values are multiples of a quarter, so that their sums are exact in whatever order.
func (r *twinStream) event() event.Event {
	types := []string{"exposure", "exposure", "exposure", "click", "click", "dwell", "purchase", "like", "search", "enter", "exit"}
	e := event.Event{Type: types[r.IntN(len(types))], User: r.user(), Item: r.item(), Time: r.when(), Context: r.context()}
	switch e.Type {
	case "search", "enter", "exit":
		e.Item = ""
	}
	if r.IntN(2) > 0 {
		e.Text = twinTexts[r.IntN(len(twinTexts))]
	}
	if r.IntN(5) > 0 {
		e.HasValue, e.Value = true, float64(r.IntN(121)-40)/4
	}
	return e
}

// vector draws one of three numbers, as a list or as a text; at times one that is none.
func (r *twinStream) vector() event.Value {
	x := make([]string, 4)
	for i := range x {
		x[i] = fmt.Sprint(float64(r.IntN(17)-8) / 4)
	}
	switch r.IntN(10) {
	case 0:
		return list(x...) // too long
	case 1:
		return list("1", "Inf", "2")
	case 2, 3, 4:
		return text("[" + strings.Join(x[1:], ", ") + "]")
	}
	return list(x[1:]...)
}

func (r *twinStream) upsert(w *twin, s *Store) {
	if r.IntN(3) == 0 {
		w.upsertUser(s, &event.User{ID: r.user(), Attrs: event.Attributes{
			{Key: "age", Value: num(float64(r.IntN(3)))}, {Key: "taste", Value: r.vector()},
		}})
		return
	}
	it := &event.Item{ID: r.item(), Deleted: r.IntN(12) == 0}
	if !it.Deleted {
		it.Attrs = event.Attributes{{Key: "categories", Value: list(fmt.Sprint("c", r.IntN(3)))}}
		if r.IntN(4) == 0 {
			it.Attrs[0].Value = event.Value{}
		}
		it.Attrs = append(it.Attrs, event.Attribute{Key: "price", Value: num(float64(r.IntN(100)))})
		if r.IntN(6) == 0 {
			it.Attrs[1].Value = text("cheap")
		}
		it.Attrs = append(it.Attrs, event.Attribute{Key: "tags", Value: list([]string{"red", "green", "blue"}[:r.IntN(4)]...)})
		it.Attrs = slices.Insert(it.Attrs, 1, event.Attribute{Key: "embedding", Value: r.vector()})
	}
	w.upsertItem(s, it)
}

// reading is an instant to read at: up to five seconds before the newest event, when it came, at times long after it, or on the edge of a tile.
func (r *twinStream) reading(w *twin, feats []twinFeature) event.Time {
	at := w.newest
	switch r.IntN(7) {
	case 0:
		return at
	case 6:
		return at.Add(-time.Duration(r.Int64N(int64(readBack))))
	case 1:
		return at.Add(time.Duration(r.Int64N(int64(30 * time.Second))))
	case 2:
		return at.Add(time.Duration(r.Int64N(int64(2 * time.Hour))))
	case 3:
		return at.Add(time.Duration(r.Int64N(int64(70 * 24 * time.Hour))))
	case 4:
		return at.Add(time.Duration(r.Int64N(int64(5 * 365 * 24 * time.Hour))))
	}
	d := feats[r.IntN(len(feats))].def
	if d.Window == 0 {
		return at
	}
	edge := event.Time((&twinRead{def: d}).slide())
	return max(at, (at/edge+1+event.Time(r.IntN(14)))*edge+event.Time(r.IntN(3)-1))
}

// twinStore makes a store of all definitions of the twin.
func twinStore(t *testing.T, v *vault, userBytes int64) (*Store, []twinFeature) {
	t.Helper()
	var defs []Definition
	for _, k := range twinKinds() {
		for i, d := range k.defs {
			d.Name = fmt.Sprintf("%s_%d", k.kind, i)
			defs = append(defs, d)
		}
	}
	opts := Options{NoRecall: true}
	if userBytes > 0 {
		opts.Cold, opts.UserBytes = v, userBytes
	}
	s, err := New(defs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, twinFeatures(s, defs)
}

// restored is the store as loaded from what is committed.
func restored(t *testing.T, v *vault, userBytes int64) *Store {
	t.Helper()
	s, _ := twinStore(t, v, userBytes)
	var digest dirty.Sum
	users := int64(0)
	for _, key := range slices.Sorted(maps.Keys(v.entries)) {
		value := v.entries[key]
		sum := dirty.SumOf([]byte(key), value)
		if userBytes > 0 && key[0] == prefixUser {
			digest.Add(sum)
			users++
		} else if ok, err := s.Load([]byte(key), value, sum); !ok || err != nil {
			t.Fatalf("load %x: %v %v", key, ok, err)
		}
	}
	if userBytes > 0 {
		s.Assume(prefixUser, digest, users)
	}
	s.LoadDone()
	return s
}

// runTwin drives a store with a random stream and compares it again and again. In the middle of it the state is saved, and a new
// store that has loaded it goes on.
func runTwin(t *testing.T, seed uint64, userBytes int64) (comparisons, told int) {
	t.Helper()
	r := &twinStream{rand.New(rand.NewPCG(seed, 77)), t0}
	v := newVault()
	s, feats := twinStore(t, v, userBytes)
	w, q, reader := newTwin(), s.NewQuery(), s.NewQuery()
	for i := range 600 {
		r.step()
		if r.IntN(8) == 0 {
			r.upsert(w, s)
		}
		w.apply(s, q, r.event(), r.IntN(3) == 0)
		if i%9 == 0 {
			told += w.compare(t, s, reader, feats, r.user(), r.item(), r.context(), r.reading(w, feats))
			comparisons += len(feats)
		}
		if i%100 == 99 {
			v.cut(s).commit()
		}
		if i%300 == 299 {
			s = restored(t, v, userBytes)
			q, reader = s.NewQuery(), s.NewQuery()
		}
	}
	told += w.compare(t, s, reader, feats, "nobody", "nothing", nil, w.newest)
	return comparisons, told
}

func TestEveryWindowedKindEqualsARecountOfAllRawEvents(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			comparisons, told := runTwin(t, seed, 0)
			if told < comparisons/5 {
				t.Errorf("of %d comparisons only %d had something to compare", comparisons, told)
			}
		})
	}
}

func TestWindowsAreTheSameWhileUsersComeAndGoFromMemory(t *testing.T) {
	t.Parallel()
	runTwin(t, 100, aChunk)
}
