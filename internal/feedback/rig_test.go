package feedback

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

// rig drives a Joiner as the engine does, from a script, and writes down what it puts out.
//
//	exposure user/item @10 r=request pos=2 p=0.5 v=3 ctx=tab:1
//	served user @9 r=request scene=home ctx=tab:1 item item=0.25 …
//	wm 20
//
// Times are seconds. Each capture is numbered from 1 on; its own vector holds that number, and so do its predictions.
// The log says "click 0 #1" for a first step, "click fix #1" for a correction, "click yes #1 2s" and "click no #1"
// for settled predictions.
type rig struct {
	t        testing.TB
	j        *Joiner
	o        Options
	log      []string
	captures int
	wide     bool             // write down weight and θ as well
	full     bool             // and, of what is settled, whose and where it was
	context  event.Attributes // of the event observed last, as it was matched
}

func newRig(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{t: t, o: o}
	j, err := New(o, r)
	if err != nil {
		t.Fatal(err)
	}
	r.j = j
	return r
}

func (r *rig) Learn(s Step) {
	what := strconv.Itoa(int(s.Y))
	if s.Correction {
		what = "fix"
	}
	if s.FakeNegative {
		what = "fake " + what
	}
	r.note(fmt.Sprintf("%s %s #%d", r.head(s.Head), what, s.Own.Slots[0]), s.Weight, s.Theta)
	if got := s.Own.Values; len(got) != 1 || got[0] != float32(s.Own.Slots[0])/2 {
		r.t.Errorf("capture %d: own values %v", s.Own.Slots[0], got)
	}
	if len(s.Shared.Slots) != 2 || len(s.Shared.Values) != 1 {
		r.t.Errorf("capture %d: shared vector %v", s.Own.Slots[0], s.Shared)
	}
}

func (r *rig) Settle(s Settled) {
	line := fmt.Sprintf("%s no #%d", r.head(s.Head), int(s.P))
	if s.Positive {
		line = fmt.Sprintf("%s yes #%d %v", r.head(s.Head), int(s.P), s.Delay)
	}
	r.note(line, s.Weight, s.Theta)
	if r.full {
		context, err := event.DecodeAttributes(s.AppendContext(nil))
		if err != nil {
			r.t.Error(err)
		}
		r.log[len(r.log)-1] += settledFields(s.Position, s.User, s.Scene, s.Variant, showContext(context))
	}
	if want := s.P + float32(r.j.heads[s.Head].raw+1)/4; s.Raw != want {
		r.t.Errorf("capture %v: raw prediction %v, want %v", s.P, s.Raw, want)
	}
}

func settledFields(position int32, user, scene, variant uint64, context string) string {
	return fmt.Sprintf(" pos=%d user=%x scene=%x variant=%x %s", position, user, scene, variant, context)
}

func (r *rig) head(h int) string { return r.j.heads[h].name }

func (r *rig) note(line string, weight, theta float32) {
	if r.wide {
		line += fmt.Sprintf(" w=%.3g θ=%.3g", weight, theta)
	}
	r.log = append(r.log, line)
}

// capture returns the next capture, for user.
func (r *rig) capture(user string) (shared, own Vector, p []float32) {
	r.captures++
	shared = Vector{Slots: []uint32{uint32(len(user)), 7}, Values: []float32{1.5}}
	own = Vector{Slots: []uint32{uint32(r.captures), 9}, Values: []float32{float32(r.captures) / 2}}
	p = make([]float32, r.j.Columns())
	for h := range r.j.heads {
		p[h] = float32(r.captures)
	}
	for raw := range r.j.raws {
		p[len(r.j.heads)+raw] = float32(r.captures) + float32(raw+1)/4
	}
	return shared, own, p
}

func (r *rig) observe(e *event.Event) Match {
	m := r.j.Match(e)
	r.context = r.j.Context(e, m)
	var c *Captured
	if m.Capture {
		c = &Captured{}
		c.Shared, c.Own, c.P = r.capture(e.User)
		c.Tag = HashUser(e.User)
	}
	if m.exposure && !m.Duplicate && !m.Brief {
		r.draw(e)
	}
	r.j.Observe(e, m, c)
	return m
}

// unseenFrom is what the number of a drawn item begins at.
const unseenFrom = 1 << 16

// draw parks an item for the heads that want one, as the engine does.
func (r *rig) draw(e *event.Event) {
	heads := uint64(0)
	for h := range r.o.Heads {
		if r.o.Heads[h].Unseen.N > 0 && !r.j.Stalled(h) {
			heads |= 1 << h
		}
	}
	n := uint32(unseenFrom + r.captures)
	r.j.Unseen(e, Vector{Slots: []uint32{0, 7}, Values: []float32{1.5}}, Vector{Slots: []uint32{n, 9}, Values: []float32{float32(n) / 2}}, heads)
}

func (r *rig) serve(s *event.Served) {
	var shared Vector
	var own []Vector
	var p [][]float32
	for range s.Items {
		sh, o, row := r.capture(s.User)
		shared, own, p = sh, append(own, o), append(p, row)
	}
	r.j.Served(&event.Record{Kind: event.KindServed, Served: s}, shared, own, p, HashUser(s.User))
}

// check fails the test unless every exposure is accounted for.
func (r *rig) check() {
	r.t.Helper()
	c := r.j.Counters()
	if err := c.Check(); err != nil {
		r.t.Error(err)
	}
	pending := make([]int64, len(r.j.heads))
	for id := range r.j.stubs.all {
		flags, states := r.peek(id)
		for h := range states {
			if flags&isExposed != 0 && states[h].open() {
				pending[h]++
			}
		}
	}
	for h := range r.j.heads {
		if c.Heads[h].Pending != pending[h] {
			r.t.Errorf("head %q: counted %d pending, there are %d", c.Heads[h].Name, c.Heads[h].Pending, pending[h])
		}
	}
}

// peek returns flags and states of an impression and leaves it where it is, in memory or in the store.
func (r *rig) peek(id uint32) (uint8, []headState) {
	r.t.Helper()
	b := r.j.stubs.at(id)
	if b.slot != 0 {
		if due := r.j.dueAt(id); due != b.due {
			r.t.Errorf("impression %d is due at %d, its stub says %d", b.birth, due, b.due)
		}
		return r.j.imps.at(b.slot).flags, r.j.row(b.slot)
	}
	value, _, ok, err := r.j.cold.Get(nil, binary.BigEndian.AppendUint64([]byte{prefixImpression}, b.birth))
	if err != nil || !ok {
		r.t.Fatalf("cold impression %d: found %v, %v", b.birth, ok, err)
	}
	p, err := r.j.parseImpression(b.birth, value)
	if err != nil {
		r.t.Fatal(err)
	}
	r.j.freePack(p.pack)
	return p.flags, p.states
}

func (r *rig) run(script string) {
	r.t.Helper()
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" {
			r.do(line)
			r.check()
		}
	}
}

func (r *rig) do(line string) {
	r.t.Helper()
	words := strings.Fields(line)
	switch words[0] {
	case "wm":
		r.j.Advance(seconds(words[1]))
	case "served":
		r.serve(parseServed(words[1:]))
	default:
		r.observe(parseEvent(words))
	}
}

func seconds(word string) event.Time {
	f, err := strconv.ParseFloat(word, 64)
	if err != nil {
		panic(err)
	}
	return event.Time(f * float64(time.Second))
}

func parseEvent(words []string) *event.Event {
	user, item, _ := strings.Cut(words[1], "/")
	e := &event.Event{Type: words[0], User: user, Item: item}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w[0] == '@':
			e.Time = seconds(w[1:])
		case key == "r":
			e.Request = value
		case key == "pos":
			n, _ := strconv.Atoi(value)
			e.Position = int32(n)
		case key == "p":
			e.Propensity, _ = strconv.ParseFloat(value, 64)
		case key == "v":
			e.Value, _ = strconv.ParseFloat(value, 64)
			e.HasValue = true
		case key == "ctx":
			e.Context = parseContext(value)
		default:
			panic("event: " + w)
		}
	}
	return e
}

func parseServed(words []string) *event.Served {
	s := &event.Served{User: words[0]}
	if s.User == "nobody" {
		s.User = ""
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch {
		case w[0] == '@':
			s.Time = seconds(w[1:])
		case key == "r":
			s.Request = value
		case key == "scene":
			s.Scene = value
		case key == "variant":
			s.Variant = value
		case key == "ctx":
			s.Context = parseContext(value)
		default:
			p, _ := strconv.ParseFloat(value, 64)
			s.Items = append(s.Items, event.ServedItem{Item: key, Propensity: p})
		}
	}
	return s
}

// parseContext reads "key:text,key:text".
func parseContext(s string) event.Attributes {
	var a event.Attributes
	for _, pair := range strings.Split(s, ",") {
		key, value, _ := strings.Cut(pair, ":")
		a = append(a, event.Attribute{Key: key, Value: event.Value{Kind: event.String, Str: value}})
	}
	slices.SortFunc(a, func(x, y event.Attribute) int { return strings.Compare(x.Key, y.Key) })
	return a
}

func showContext(a event.Attributes) string {
	var parts []string
	for _, kv := range a {
		parts = append(parts, kv.Key+":"+kv.Value.Str)
	}
	return strings.Join(parts, ",")
}

func compareLines(t testing.TB, got []string, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if !slices.Equal(got, lines) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// click is one head that corrects, with a window of 30 s; an outcome waits 5 s for its exposure.
func click() Options {
	return Options{
		Heads: []HeadOptions{{Name: "click", Positive: []Label{{Type: "click"}}, Window: 30 * time.Second}},
	}
}

// two adds a second head for long dwells, with a window of 60 s.
func two(delay Delay) Options {
	o := click()
	least := 10.0
	o.Heads = append(o.Heads, HeadOptions{
		Name: "dwell", Positive: []Label{{Type: "dwell", Min: &least}}, Window: time.Minute, Delay: delay,
	})
	return o
}

func eventTime(n int) event.Time { return event.Time(n) }

func joinLines(lines []string) string { return strings.Join(lines, "\n") }

func o2e(d time.Duration) event.Time { return event.Time(d) }

func fields(s string) []string { return strings.Fields(s) }
