package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/dirty"
)

// verifyGet asks for every key that the world ever had, and for some that it never had.
func verifyGet(s *Store, w *world) error {
	const before = "what stands before"
	dst := []byte(before)
	for _, table := range "abwz" {
		for width := 1; width < 10; width++ {
			for n := range 40 {
				key := fmt.Sprintf("%c%0*d", table, width, n)
				want, has := w.content[key]
				got, sum, ok, err := s.Get(dst, []byte(key))
				if err != nil {
					return fmt.Errorf("%s: %w", key, err)
				}
				if ok != has || string(got) != before+want || ok && sum != dirty.SumOf([]byte(key), []byte(want)) {
					return fmt.Errorf("%s: got %d bytes, %v, %v, want %d bytes, %v", key, len(got)-len(before), sum, ok, len(want), has)
				}
				dst = got[:len(before)]
			}
		}
	}
	return nil
}

func TestGetGivesWhatLoadGives(t *testing.T) {
	dir := t.TempDir()
	w := newWorld()
	for range 4 { // reopened in between, with Get before Load and after it
		s := openStore(t, dir, small())
		must(t, verifyGet(s, w))
		must(t, verifyStore(s))
		for range 6 {
			must(t, w.commit(s))
			must(t, verifyGet(s, w))
		}
		must(t, s.Rollback())
		w = worldAt(w.epoch - 1)
		must(t, verifyGet(s, w))
		closeStore(t, s)
		if _, _, _, err := s.Get(nil, []byte("a1")); !errors.Is(err, ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	}
}

// TestGetBesideCommitsAndFoldsIsNeverOlderThanTheLastCommitBeforeIt writes the number of the checkpoint into every entry.
func TestGetBesideCommitsAndFoldsIsNeverOlderThanTheLastCommitBeforeIt(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for seed := range uint64(3) {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 1))
			var buf []byte
			for {
				select {
				case <-stop:
					return
				default:
				}
				before, _ := s.Latest()
				key := []byte(fmt.Sprintf("k%02d", rng.IntN(50)))
				got, _, ok, err := s.Get(buf[:0], key)
				after, _ := s.Latest()
				var epoch uint64
				fmt.Sscan(string(got), &epoch)
				// Epochs that are multiples of 5 delete everything.
				if err != nil || ok && (epoch < before.Epoch || epoch > after.Epoch+1) ||
					!ok && before.Epoch%5 != 0 && before.Epoch == after.Epoch {
					t.Errorf("%s: got %q, %v, %v between checkpoints %d and %d", key, got, ok, err, before.Epoch, after.Epoch)
					return
				}
				buf = got
			}
		})
	}
	for epoch := 1; epoch <= 60; epoch++ {
		c := s.Begin()
		var m Meta
		for i := range 50 {
			key, value := []byte(fmt.Sprintf("k%02d", i)), []byte(fmt.Sprint(epoch))
			if epoch%5 == 0 {
				c.Put(key, nil, dirty.Sum{})
				continue
			}
			sum := dirty.SumOf(key, value)
			c.Put(key, value, sum)
			m.Digest.Add(sum)
			m.Entries++
		}
		must(t, c.Commit(context.Background(), m))
	}
	close(stop)
	readers.Wait()
}

func TestAnIndexFindsEveryRecordTheNewestFirst(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1000, 30000} {
		b := indexer{seed: maphash.MakeSeed()}
		want := map[uint32][]slot{}
		for i := range n {
			key := []byte(fmt.Sprint(i % (n - n/3))) // the first third twice
			b.add(key, int64(i), i+1)
			s := b.chunk[len(b.chunk)-1]
			want[s.hash] = append([]slot{s}, want[s.hash]...)
		}
		x := b.build()
		for hash, slots := range want {
			i := x.find(hash)
			for _, s := range slots {
				if got, ok := x.at(i, hash); !ok || got != s {
					t.Fatalf("%d records: got %v, %v, want %v", n, got, ok, s)
				}
				i++
			}
			if _, ok := x.at(i, hash); ok {
				t.Fatalf("%d records: hash %x has one too many", n, hash)
			}
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range 1000 {
			hash := rng.Uint32()
			if _, ok := x.at(x.find(hash), hash); ok != (want[hash] != nil) {
				t.Fatalf("%d records: hash %x found: %v", n, hash, ok)
			}
		}
		if limit := int64(22*n + 500); x.bytes() > limit {
			t.Errorf("%d records take %d bytes, more than %d", n, x.bytes(), limit)
		}
	}
}

func TestAFilterOfItsFullSizeRarelyErrs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	b := indexer{}
	for range 100_000 {
		b.addSlot(slot{size: 1, hash: rng.Uint32()})
	}
	x := b.build()
	f := newFilter(x.bytes())
	f.add(x)
	for _, s := range x.slots {
		if s.size != 0 && !f.has(s.hash) {
			t.Fatalf("%x was added and is denied", s.hash)
		}
	}
	wrong := 0
	for range 100_000 {
		if f.has(rng.Uint32()) {
			wrong++
		}
	}
	if wrong > 5000 {
		t.Errorf("%d of 100,000 others are said to be there", wrong)
	}
}

func TestKeysWithTheSameHashAreToldApart(t *testing.T) {
	b := indexer{}
	for i := range 9 { // all at the end: they overflow
		b.addSlot(slot{off: int64(i), size: 1, hash: 1<<32 - 1})
	}
	x := b.build()
	for i := range 9 {
		if s, ok := x.at(x.find(1<<32-1)+i, 1<<32-1); !ok || s.off != int64(8-i) {
			t.Errorf("record %d is %v, %v", i, s, ok)
		}
	}
}

func TestGetRefusesADamagedEntry(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	must(t, w.commit(s))
	path := filepath.Join(dir, deltaName(1))
	key := "a1"
	for k, v := range w.content {
		if len(v) == 300 {
			key = k
		}
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	at := bytes.Index(whole, []byte(key+w.content[key]))
	_, err = f.WriteAt([]byte{whole[at+100] ^ 4}, int64(at+100))
	must(t, errors.Join(err, f.Close()))
	got, _, ok, err := s.Get([]byte("x"), []byte(key))
	if ok || string(got) != "x" || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), deltaName(1)) {
		t.Errorf("got %d bytes, %v, %v", len(got), ok, err)
	}
}

func TestGetRefusesADamagedEntryOfTheDatabase(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	w := newWorld()
	for range 4 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	for name, stored := range map[string][]byte{
		"sum":     appendBaseValue(nil, record{value: []byte("v"), sum: dirty.Sum{Hi: 1}}),
		"header":  {baseEntryV1, 2},
		"version": append([]byte{9}, make([]byte, 40)...),
	} {
		txn := s.db.NewTransaction(true)
		must(t, txn.Set([]byte("ezz"), stored))
		must(t, txn.Commit())
		for range 2 { // until a fold shows it
			must(t, w.commit(s))
			s.folder.Wait()
		}
		if _, _, ok, err := s.Get(nil, []byte("zz")); ok || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestLoadTablesReadsOnlyWhatItIsAskedForAndVerifiesThat(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	w := newWorld()
	for range 9 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	for _, skipped := range []string{"", "a", "b", "w", "ab", "aw", "abw", "z"} {
		n := 0
		err := s.LoadTables(func(p byte) bool { return strings.IndexByte(skipped, p) >= 0 },
			func(key, value []byte, _ dirty.Sum) error {
				if strings.IndexByte(skipped, key[0]) >= 0 || w.content[string(key)] != string(value) {
					return fmt.Errorf("entry %s", key)
				}
				n++
				return nil
			})
		want := 0
		for k := range w.content {
			if strings.IndexByte(skipped, k[0]) < 0 {
				want++
			}
		}
		if err != nil || n != want {
			t.Errorf("without %q: %d entries, want %d: %v", skipped, n, want, err)
		}
	}
	must(t, s.db.DropPrefix([]byte("eb"))) // damage
	none := func(_, _ []byte, _ dirty.Sum) error { return nil }
	err := s.LoadTables(func(p byte) bool { return p == 'a' }, none)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `table "b"`) {
		t.Errorf("with a damaged table: %v", err)
	}
	must(t, s.LoadTables(func(p byte) bool { return p == 'b' }, none))
}

func TestWithoutTablesInTheDescriptionNothingIsSkipped(t *testing.T) {
	s := openStore(t, t.TempDir(), small())
	c := s.Begin()
	key := []byte("k")
	c.Put(key, key, dirty.SumOf(key, key))
	must(t, c.Commit(context.Background(), Meta{Entries: 1, Digest: dirty.SumOf(key, key)}))
	n := 0
	must(t, s.LoadTables(func(byte) bool { return true }, func(_, _ []byte, _ dirty.Sum) error { n++; return nil }))
	if n != 1 {
		t.Errorf("%d entries", n)
	}
	must(t, s.Begin().Commit(context.Background(), Meta{Entries: 2}))
	err := s.LoadTables(func(byte) bool { return true }, func(_, _ []byte, _ dirty.Sum) error { return nil })
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("with a wrong number: %v", err)
	}
}
