package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// world is a naive twin: what the store must hold, as a map, moved on by the same puts.
type world struct {
	content map[string]string
	epoch   uint64
}

func newWorld() *world { return &world{content: map[string]string{}} }

// worldAt is the world as of an epoch. Every change depends on the epoch alone.
func worldAt(epoch uint64) *world {
	w := newWorld()
	for w.epoch < epoch {
		w.step(func(_, _ []byte, _ dirty.Sum) {})
	}
	return w
}

// step makes the changes of the next epoch and tells put. Keys are prefixes of one another, some come and go, some
// values are empty and some take a block of their own.
func (w *world) step(put dirty.Sink) {
	w.epoch++
	rng := rand.New(rand.NewPCG(w.epoch, 7))
	for range 60 {
		key := []byte(fmt.Sprintf("%c%0*d", "abw"[rng.IntN(3)], 1+rng.IntN(9), rng.IntN(40)))
		if _, ok := w.content[string(key)]; ok && rng.IntN(4) == 0 {
			delete(w.content, string(key))
			put(key, nil, dirty.Sum{})
			continue
		}
		value := make([]byte, []int{0, 8, 300, 5000}[rng.IntN(4)])
		if rng.IntN(200) == 0 {
			value = make([]byte, MaxValueBytes)
		}
		for n := copy(value, binary.BigEndian.AppendUint64(nil, rng.Uint64())); n > 0 && n < len(value); n *= 2 {
			copy(value[n:], value[:n])
		}
		w.content[string(key)] = string(value)
		put(key, value, dirty.SumOf(key, value))
	}
}

func (w *world) meta() Meta {
	m := Meta{
		Created:    event.Time(w.epoch * 1e9),
		Cursor:     event.Cursor{{Partition: 0, Offset: int64(w.epoch) * 60}, {Partition: 3, Offset: 1}},
		Watermarks: []Watermark{{Partition: 0, Time: event.Time(w.epoch)}},
		Root:       binary.AppendUvarint(nil, w.epoch),
		Entries:    int64(len(w.content)),
	}
	m.Definitions[0] = 9
	m.Digest, m.Shards = describe(w.content)
	return m
}

// describe counts and sums up content, one table after the other.
func describe(content map[string]string) (digest dirty.Sum, shards []Shard) {
	var found tally
	for k, v := range content {
		sum := dirty.SumOf([]byte(k), []byte(v))
		found.add(record{key: []byte(k), sum: sum})
		digest.Add(sum)
	}
	for p, h := range found {
		if h.Entries > 0 {
			h.Prefix = byte(p)
			shards = append(shards, h)
		}
	}
	return digest, shards
}

// commit writes the next epoch.
func (w *world) commit(s *Store) error {
	c := s.Begin()
	w.step(c.Put)
	return c.Commit(context.Background(), w.meta())
}

// verify loads the store and compares it with the world as of the store's epoch.
func verifyStore(s *Store) error {
	meta, _ := s.Latest()
	want := worldAt(meta.Epoch)
	got := map[string]string{}
	var keys []string
	err := s.Load(func(key, value []byte, sum dirty.Sum) error {
		if value == nil || sum != dirty.SumOf(key, value) {
			return fmt.Errorf("entry %q: sum %v", key, sum)
		}
		got[string(key)] = string(value)
		keys = append(keys, string(key))
		return nil
	})
	if err != nil {
		return err
	}
	if !maps.Equal(got, want.content) {
		return fmt.Errorf("epoch %d: loaded %d entries that are not the %d expected", meta.Epoch, len(got), len(want.content))
	}
	if !slices.IsSorted(keys) || len(keys) != len(got) {
		return errors.New("keys are not ascending")
	}
	if w := want.meta(); meta.Epoch > 0 && (meta.Digest != w.Digest || meta.Cursor.String() != w.Cursor.String() ||
		string(meta.Root) != string(w.Root) || meta.Format != Format || !slices.Equal(meta.Watermarks, w.Watermarks) || !slices.Equal(meta.Shards, w.Shards)) {
		return fmt.Errorf("meta %+v, want %+v", meta, w)
	}
	return nil
}

// small folds after every few checkpoints.
func small() Options { return Options{FoldCheckpoints: 3, MemTableBytes: 8 << 20, MinFreeBytes: 1} }

func openStore(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fileNames(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
