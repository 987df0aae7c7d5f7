package model

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"recsvc/internal/dirty"
)

// fronted is a model with a head of every learner.
func fronted(t *testing.T) *Model {
	t.Helper()
	o := Options{Name: "m", Bits: 11}
	for _, l := range Learners() {
		o.Heads = append(o.Heads, HeadOptions{Name: l, Learner: l, Hyper: Hyper{Alpha: 0.3, Factors: 3}})
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func teach(m *Model, seed uint64, n int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range n {
		shared := Vector{Slots: []uint32{rng.Uint32() % 64, rng.Uint32()}, Values: []float32{rng.Float32()}}
		own := Vector{Slots: []uint32{rng.Uint32() % 64, 7}}
		for h := range m.Heads() {
			m.Learn(h, &Example{Shared: shared, Own: own, Y: float32(rng.IntN(2)), Weight: 1, Theta: 1})
		}
	}
}

// everything is what a model says of many vectors, each in both ways to ask.
func everything(t *testing.T, m *Model) (all []float32) {
	rng := rand.New(rand.NewPCG(9, 9))
	p := make([]float32, len(m.Heads()))
	for range 200 {
		shared, own := Vector{Slots: []uint32{rng.Uint32() % 64}}, Vector{Slots: []uint32{rng.Uint32() % 64, 7}, Values: []float32{0.5}}
		m.Predict(p, shared, own)
		for i, h := range m.Heads() {
			if alone := float32(Sigmoid(h.Logit(shared, own))); alone != p[i] {
				t.Fatalf("head %s says %v alone and %v beside the others", h.Name(), alone, p[i])
			}
		}
		all = append(all, p...)
	}
	return all
}

func same(a, b []float32) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestAHeldModelStaysUntilItPublishesAndLearnsOnMeanwhile(t *testing.T) {
	held, free := fronted(t), fronted(t)
	teach(held, 1, 500)
	teach(free, 1, 500)
	was := everything(t, held)
	held.Hold(false)
	if !held.Held() || !same(everything(t, held), was) {
		t.Error("to be held has moved predictions")
	}
	teach(held, 2, 500)
	teach(free, 2, 500)
	if !same(everything(t, held), was) {
		t.Error("what is learned moves predictions")
	}
	if n := held.Publish(); n == 0 || !same(everything(t, held), everything(t, free)) {
		t.Errorf("%d pages published, and it predicts otherwise than one that was never held", n)
	}
	if n := held.Publish(); n != 0 {
		t.Errorf("%d pages published though nothing was learned", n)
	}
	held.Reset()
	held.Publish()
	if blank := fronted(t); !same(everything(t, held), everything(t, blank)) {
		t.Error("a model that was reset and published predicts otherwise than a new one")
	}
	teach(held, 3, 10)
	held.Release()
	if held.Held() || same(everything(t, held), was) {
		t.Error("it is still held")
	}
}

// entries is what a model stores, by key.
func entries(m *Model) map[string]string {
	out := map[string]string{}
	for _, s := range m.Sets() {
		s.Cut(func(key, value []byte, _ dirty.Sum) {
			if value == nil {
				delete(out, string(key))
				return
			}
			out[string(key)] = string(value)
		})
		for !s.Flush(100) {
		}
		s.Stored()
	}
	return out
}

func TestACopyIsLoadedAsItWasStored(t *testing.T) {
	m := fronted(t)
	m.Hold(false)
	teach(m, 1, 300)
	m.Publish()
	teach(m, 2, 300)
	want, stored := everything(t, m), entries(m)
	again := fronted(t)
	for key, value := range stored {
		if ok, err := again.Load([]byte(key), []byte(value), dirty.SumOf([]byte(key), []byte(value))); !ok || err != nil {
			t.Fatalf("entry %q: %v, %v", key, ok, err)
		}
	}
	if !again.Held() || !same(everything(t, again), want) {
		t.Error("it predicts otherwise")
	}
	m.Publish()
	again.Publish()
	if !same(everything(t, again), everything(t, m)) {
		t.Error("it publishes otherwise")
	}
	digest := func(m *Model) (d dirty.Sum) {
		entries(m)
		for _, s := range m.Sets() {
			d.Add(s.Digest())
		}
		return d
	}
	if digest(m) != digest(again) {
		t.Error("other digests")
	}
	m.Release()
	for key := range stored {
		if key[0] == frontPrefix {
			return
		}
	}
	t.Error("nothing was stored of the copy")
}

func TestADamagedCopyIsRefused(t *testing.T) {
	m := fronted(t)
	m.Hold(false)
	teach(m, 1, 50)
	m.Publish()
	for key, value := range entries(m) {
		if key[0] != frontPrefix {
			continue
		}
		load := func(key, value string) error {
			_, err := fronted(t).Load([]byte(key), []byte(value), dirty.Sum{})
			return err
		}
		for _, tc := range []struct {
			name, key, value string
			want             error
		}{
			{"empty", key, "", ErrShort},
			{"of another version", key, "\x09" + value[1:], ErrVersion},
			{"cut in its head", key, value[:40], ErrShort},
			{"cut in its weights", key, value[:len(value)-1], ErrCorrupt},
			{"too long", key, value + "0000", ErrCorrupt},
			{"of another table", key, value[:1] + "\x0c" + value[2:], ErrBits},
			{"of another learner", key, value[:2] + "\x09" + value[3:], ErrShape},
			{"of a page that is not there", key[:len(key)-1] + "\x7f", value, ErrBits},
			{"not finite", key, value[:len(value)-4] + "\x00\x00\xc0\x7f", ErrCorrupt},
		} {
			if err := load(tc.key, tc.value); !errors.Is(err, tc.want) {
				t.Errorf("a page that is %s: %v, want %v", tc.name, err, tc.want)
			}
		}
		return
	}
}

func TestManyMayPredictWhileAModelIsHeldPublishedAndLetGo(t *testing.T) {
	m := fronted(t)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			p := make([]float32, len(m.Heads()))
			for {
				select {
				case <-stop:
					return
				default:
				}
				m.Predict(p, Vector{Slots: []uint32{1, 2}}, Vector{Slots: []uint32{7}})
				m.Head(0).Explain(nil, Vector{Slots: []uint32{1, 2}}, Vector{Slots: []uint32{7}})
			}
		})
	}
	for i := range uint64(20) {
		teach(m, i, 20)
		m.Hold(false)
		teach(m, i, 20)
		m.Publish()
		if i%3 == 0 {
			m.Release()
		}
	}
	close(stop)
	readers.Wait()
}
