package train

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

func newFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func newModel(t *testing.T) *model.Model {
	t.Helper()
	m, err := model.New(model.Options{Name: "m", Bits: 12, Heads: []model.HeadOptions{{Name: "a"}, {Name: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func pages(t *testing.T, m *model.Model) (out []string) {
	t.Helper()
	if err := m.Pages(func(k, v []byte) error { out = append(out, string(k)+string(v)); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// stream is a join's steps for n impressions: lists share vectors, some outcomes come later, heads correct, close or fake negatives.
// final is what is to be learned of each in the end, in the order in which it is known.
func stream(n int) (steps []feedback.Step, final []feedback.Step) {
	rng := rand.New(rand.NewPCG(9, 1))
	var open []feedback.Step // negative so far
	settled := func(keep int) {
		for len(open) > keep {
			at := rng.IntN(len(open))
			s := open[at]
			open = slices.Delete(open, at, at+1)
			if rng.IntN(3) > 0 {
				continue
			}
			s.Y, s.Correction = 1, !s.FakeNegative
			steps = append(steps, s)
		}
	}
	var shared feedback.Vector
	for id := range uint64(n) {
		if id%4 == 0 {
			shared = feedback.Vector{Slots: []uint32{rng.Uint32N(50), 99}, Values: []float32{rng.Float32()}}
		}
		own := feedback.Vector{Slots: []uint32{1000 + rng.Uint32N(30)}}
		for head := range 2 {
			s := feedback.Step{
				ID: id + 1, Head: 3 + head, Shared: shared, Own: own, Weight: []float32{1, 2.5}[rng.IntN(2)], Theta: []float32{1, 0.5}[head],
				FakeNegative: head == 1, Time: event.Time(id),
			}
			steps = append(steps, s)
			open = append(open, s)
		}
		steps = append(steps, feedback.Step{ID: id + 1, Head: 7, Shared: shared, Own: own, Y: 1, Weight: 1, Theta: 1}) // of another model
		settled(20)
	}
	settled(0)
	_, final = finalOf(steps)
	return steps, final
}

func learn(m *model.Model, s *feedback.Step) {
	m.Learn(s.Head-3, &model.Example{
		Shared: model.Vector(s.Shared), Own: model.Vector(s.Own), Y: s.Y, Weight: s.Weight, Theta: s.Theta,
		Correction: s.Correction, FakeNegative: s.FakeNegative,
	})
}

func gather(t *testing.T, steps []feedback.Step, opts Options) *Trainer {
	t.Helper()
	opts.First, opts.Heads = 3, 2
	tr, err := New(newFile(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		tr.Learn(steps[i])
	}
	if tr.Err() != nil {
		t.Fatal(tr.Err())
	}
	return tr
}

func unseen(int64, int64) error { return nil }

func TestATrainedModelIsWhatTheSamePassesMakeByHand(t *testing.T) {
	steps, final := stream(900)
	online := newModel(t)
	tr := gather(t, steps[:2000], Options{Online: online})
	trained, byHand := newModel(t), newModel(t)
	for range 2 {
		if err := tr.Pass(trained, unseen); err != nil {
			t.Fatal(err)
		}
	}
	// What was known after two thousand steps, twice; then these steps, and all that follow.
	_, known := finalOf(steps[:2000])
	for range 2 {
		for i := range known {
			learn(byHand, &known[i])
		}
	}
	if tr.Labels() != int64(len(known)) || len(known) >= len(final) {
		t.Errorf("%d labels, want %d of %d", tr.Labels(), len(known), len(final))
	}
	if !slices.Equal(pages(t, trained), pages(t, byHand)) {
		t.Fatal("after the passes over final labels: other weights")
	}
	if err := tr.Stream(trained, unseen); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if steps[i].Head != 7 {
			learn(byHand, &steps[i])
		}
		if i >= 2000 {
			tr.Learn(steps[i])
		}
	}
	if !slices.Equal(pages(t, trained), pages(t, byHand)) {
		t.Error("when it has caught up with the stream: other weights")
	}
	once := newModel(t)
	for i := range steps {
		if steps[i].Head != 7 {
			learn(once, &steps[i])
		}
	}
	if !slices.Equal(pages(t, online), pages(t, once)) {
		t.Error("the model that it is compared with has not taken the stream as it came")
	}
}

// finalOf is what is to be learned of steps in the end.
func finalOf(steps []feedback.Step) (positive map[pair]bool, final []feedback.Step) {
	positive = map[pair]bool{}
	for _, s := range steps {
		key := pair{s.ID, int32(s.Head)}
		positive[key] = positive[key] || s.Y != 0
	}
	for _, s := range steps {
		if s.Head != 7 && (s.Y != 0 || !positive[pair{s.ID, int32(s.Head)}]) {
			s.Correction, s.FakeNegative = false, false
			final = append(final, s)
		}
	}
	return positive, final
}

func TestAShuffledPassTakesTheSameExamplesInAnotherOrder(t *testing.T) {
	steps, _ := stream(12_000) // more than one block
	tr := gather(t, steps, Options{})
	if len(tr.spool.blocks) < 2 {
		t.Fatalf("%d blocks", len(tr.spool.blocks))
	}
	pass := func(seed uint64) *model.Model {
		m := newModel(t)
		if err := tr.Shuffled(m, seed, unseen); err != nil {
			t.Fatal(err)
		}
		return m
	}
	one, two, other, ordered := pass(1), pass(1), pass(2), newModel(t)
	if err := tr.Pass(ordered, unseen); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(pages(t, one), pages(t, two)) || slices.Equal(pages(t, one), pages(t, other)) || slices.Equal(pages(t, one), pages(t, ordered)) {
		t.Error("the seed does not draw the order")
	}
	if got, want := one.Head(0).Counters(), ordered.Head(0).Counters(); got != want || got.Learned == 0 {
		t.Errorf("%+v examples, in order %+v", got, want)
	}
}

func TestForgettingIsMeasuredOnABoundedSampleThatIsTheSameEachTime(t *testing.T) {
	steps, _ := stream(3000)
	trained := newModel(t)
	one, two := gather(t, steps, Options{Reservoir: 100}), gather(t, steps, Options{Reservoir: 100})
	if err := one.Pass(trained, unseen); err != nil {
		t.Fatal(err)
	}
	a, b := one.Memory(trained), two.Memory(trained)
	if !reflect.DeepEqual(a, b) || a.N != 100 || !(a.Old > 0 && a.New > 0) {
		t.Errorf("%+v, then %+v", a, b)
	}
	if blank := one.Memory(newModel(t)); blank.Old == a.Old || blank.New == a.New {
		t.Errorf("one that has learned nothing %+v, trained %+v", blank, a)
	}
	// The labels of the sample are what came of the impressions in the end.
	positive, _ := finalOf(steps)
	for _, s := range one.sample.kept {
		if want := positive[pair{s.id, 3}]; (s.y == 1) != want {
			t.Errorf("impression %d: label %v, want %v", s.id, s.y, want)
		}
	}
}

func TestASpoolGivesBackWhatItWasGiven(t *testing.T) {
	steps, _ := stream(300)
	steps[5].Y = 2.5
	s := NewSpool(newFile(t))
	for i := range steps {
		if err := s.Add(&steps[i], steps[i].Head); err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.read(0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		e, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		want := &steps[i]
		if e.Head != want.Head || e.Y != want.Y || e.Weight != want.Weight || e.Theta != want.Theta || e.Correction != want.Correction ||
			e.FakeNegative != want.FakeNegative || !same(e.Shared, want.Shared) || !same(e.Own, want.Own) {
			t.Fatalf("step %d: %+v, want %+v", i, e, want)
		}
	}
}

func TestASpoolThatIsDamagedOrFullSaysSo(t *testing.T) {
	steps, _ := stream(300)
	f := newFile(t)
	tr, err := New(f, Options{First: 3, Heads: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		tr.Learn(steps[i])
	}
	if err := tr.Pass(newModel(t), unseen); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(tr.Spool().Size() / 2); err != nil {
		t.Fatal(err)
	}
	if err := tr.Pass(newModel(t), unseen); !errors.Is(err, errSpool) {
		t.Errorf("cut off in the middle: %v", err)
	}
	full, err := New(fullDisk{}, Options{First: 3, Heads: 2})
	if err != nil {
		t.Fatal(err)
	}
	many, _ := stream(60_000)
	for i := range many {
		full.Learn(many[i])
	}
	if !errors.Is(full.Err(), errFull) {
		t.Errorf("on a full disk: %v", full.Err())
	}
}

var errFull = errors.New("no space left")

type fullDisk struct{}

func (fullDisk) ReadAt([]byte, int64) (int, error)  { return 0, errFull }
func (fullDisk) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestAPassEndsWithTheErrorOfWhoLooksOn(t *testing.T) {
	steps, _ := stream(100)
	tr := gather(t, steps, Options{})
	stop := errors.New("enough")
	look := func(int64, int64) error { return stop }
	for name, pass := range map[string]func() error{
		"in order": func() error { return tr.Pass(newModel(t), look) },
		"shuffled": func() error { return tr.Shuffled(newModel(t), 1, look) },
		"stream":   func() error { return tr.Stream(newModel(t), look) },
	} {
		if err := pass(); !errors.Is(err, stop) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATrainerOfNothingIsRefused(t *testing.T) {
	for _, o := range []Options{{}, {Heads: -1}, {First: -1, Heads: 1}, {Heads: 1, Reservoir: 1}} {
		if _, err := New(newFile(t), o); err == nil {
			t.Errorf("%s was taken", fmt.Sprintf("%+v", o))
		}
	}
}
