package feedback

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/dirty"
)

var update = flag.Bool("update", false, "write testdata/v4.golden anew")

// written returns a Joiner's whole state.
func written(j *Joiner) store {
	s := store{}
	cutAll(j, s)
	for !flushSome(j, 1000) {
	}
	return s
}

// sample returns a rig with something of everything pending.
func sample(t testing.TB) *rig {
	r := newRig(t, streamOptions(5))
	r.run(`served u1 @9 r=r1 scene=home variant=a=1 ctx=city:Bern i1=0.5 i2
		exposure u1/i1 @10 r=r1 ctx=price:9
		exposure u2/i1 @10 r=r2 pos=3 p=0.25
		exposure u2/i2 @10 r=r2 pos=4
		click u1/i1 @12 r=r1
		exposure u0/i9 @-100
		exposure u2/i3 @30 r=r2
		buy u3/i3 @31
		wm 11`)
	return r
}

const golden = "testdata/v4.golden"

// The golden file is a state with everything in its newest version. If this fails, a new program cannot read the checkpoints
// of an old one: give the changed encoding a new version.
func TestTheStateOfTheGoldenFileIsReadAndWrittenAsItIs(t *testing.T) {
	if *update {
		if err := os.WriteFile(golden, []byte(dump(written(sample(t).j))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := readGolden(t, golden)
	want := dump(old)
	j := load(t, streamOptions(5), old, 0).j
	for id := range j.stubs.all {
		j.touch(id)
	}
	for id := range j.lists.all {
		j.listSet.Touch(id)
	}
	for id := range j.samples.all {
		j.sampleSet.Touch(id)
	}
	for id := range j.quotas.users.all {
		j.quotas.set.Touch(id)
	}
	for id := range j.tombs.pages.all {
		j.restSet.Touch(id)
	}
	j.touchRest()
	if got := dump(written(j)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c := j.Counters()
	if got, want := fmt.Sprint(c), fmt.Sprint(sample(t).j.Counters()); got != want {
		t.Errorf("counters %s, want %s", got, want)
	}
}

// readGolden reads what dump has written.
func readGolden(t *testing.T, name string) store {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s := store{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		k, errKey := hex.DecodeString(key)
		v, errValue := hex.DecodeString(value)
		if err := errors.Join(errKey, errValue); err != nil {
			t.Fatal(err)
		}
		s[string(k)] = stored{v, dirty.SumOf(k, v)}
	}
	return s
}

func dump(s store) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%x %x\n", key, s[key].value)
	}
	return b.String()
}

func TestLoadTellsVersionDamageAndTruncationApart(t *testing.T) {
	s := written(sample(t).j)
	for key, e := range s {
		name := fmt.Sprintf("%.2s", key)
		if key[0] != prefixRest {
			name = key[:1]
		}
		t.Run(name, func(t *testing.T) {
			fresh := func() *Joiner { return newRig(t, streamOptions(5)).j }
			for n := range e.value {
				if err := fresh().Load([]byte(key), e.value[:n], e.sum); !errors.Is(err, ErrShort) && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("first %d of %d bytes: %v", n, len(e.value), err)
				}
			}
			if err := fresh().Load([]byte(key), append(slices.Clone(e.value), 0), e.sum); !errors.Is(err, ErrCorrupt) {
				t.Errorf("a byte too much: %v", err)
			}
			newer := slices.Clone(e.value)
			newer[0] = 99
			if err := fresh().Load([]byte(key), newer, e.sum); !errors.Is(err, ErrVersion) {
				t.Errorf("version 99: %v", err)
			}
		})
	}
	if err := newRig(t, click()).j.Load([]byte("x"), nil, dirty.Sum{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("foreign key: %v", err)
	}
}

func TestLoadRefusesAStateOfOtherHeads(t *testing.T) {
	s := written(sample(t).j)
	o := streamOptions(5)
	o.Heads[1].Name = "other"
	for _, o := range []Options{o, click()} {
		var errs error
		j := newRig(t, o).j
		for key, e := range s {
			errs = errors.Join(errs, j.Load([]byte(key), e.value, e.sum))
		}
		if !errors.Is(errs, ErrHeads) {
			t.Errorf("got %v", errs)
		}
	}
}

func TestEndLoadRefusesAStateWithAPieceMissing(t *testing.T) {
	s := written(sample(t).j)
	for missing := range s {
		switch missing[:2] {
		case "op", "ou", "os":
			continue // hashes that are forgotten contradict nothing, nor do a user's quota and a sample; the store counts its entries
		}
		j := newRig(t, streamOptions(5)).j
		for key, e := range s {
			if key == missing {
				continue
			}
			if err := j.Load([]byte(key), e.value, e.sum); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.EndLoad(); !errors.Is(err, ErrCorrupt) && missing[0] != prefixImpression {
			t.Errorf("without %q: %v", missing, err)
		}
	}
}

// FuzzLoad checks that no bytes make Load panic, and that what it takes it would write in the same way.
func FuzzLoad(f *testing.F) {
	for key, e := range written(sample(f).j) {
		f.Add([]byte(key), e.value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		j := newRig(t, streamOptions(5)).j
		if err := j.Load(key, value, dirty.Sum{Lo: 1}); err != nil {
			return
		}
		var table dirty.Table
		id := uint32(1)
		switch key[0] {
		case prefixImpression:
			if request := j.loading[0].request; request != 0 { // the list stands in another entry
				j.imps.at(1).list = j.lists.alloc()
				j.lists.at(1).hash = request
			}
			table = (*impressionTable)(j)
		case prefixList:
			table = (*listTable)(j)
		default:
			switch table = (*restTable)(j); key[1] {
			case restGlobals:
				id = 0
			case restQuota:
				table = &j.quotas
			case restSample:
				table = (*poolTable)(j)
			}
		}
		if got := table.AppendKey(nil, id); !bytes.Equal(got, key) {
			t.Errorf("key %x is written as %x", key, got)
		}
		if got := table.AppendValue(nil, id); !bytes.Equal(got, value) {
			t.Errorf("value %x is written as %x", value, got)
		}
	})
}
