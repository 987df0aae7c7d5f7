package ingest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
)

func deadLetter(i int, size int) *event.Record {
	return &event.Record{Kind: event.KindDeadLetter, Offset: int64(i), Received: event.Time(i + 1), DeadLetter: &event.DeadLetter{
		Source: "http", Reason: "bad_json", Detail: fmt.Sprint("letter ", i), Place: "/v1/events", Bytes: make([]byte, size), Size: int64(size),
	}}
}

func TestDeadLettersKeepTheLast(t *testing.T) {
	d := must(NewDeadLetters(DeadLettersOptions{Keep: 10}))
	for i := range 25 {
		d.Add(deadLetter(i, 5))
	}
	got := d.List(0, 4)
	if len(got) != 4 || got[0].Offset != 24 || got[3].Offset != 21 || got[0].Detail != "letter 24" || got[0].Received != 25 {
		t.Errorf("the newest are %+v", got)
	}
	if more := d.List(got[3].Seq, 100); len(more) != 6 || more[0].Offset != 20 || more[5].Offset != 15 {
		t.Errorf("the next are %+v", more)
	}
	if n := testutil.ToFloat64(d.evicted); n != 15 {
		t.Errorf("%v counted as evicted, want 15", n)
	}
}

func TestDeadLettersGoByTheirPlaceInTheLog(t *testing.T) {
	d := must(NewDeadLetters(DeadLettersOptions{}))
	for i := range 12 {
		l := deadLetter(i/3, 5)
		l.Partition = int32(i % 3)
		d.Add(l)
	}
	for _, tc := range []struct {
		name    string
		n, want int
		left    int
	}{
		{"one", d.Remove(1, 2), 1, 11},
		{"again", d.Remove(1, 2), 0, 11},
		{"some twice, some that are not there", d.Remove(2, 0, 3, 3, 99), 2, 9},
		{"of a partition without any", d.Remove(7, 0), 0, 9},
		{"all before a place", d.RemoveBefore(0, 3), 3, 6},
		{"all before it, again", d.RemoveBefore(0, 3), 0, 6},
		{"all", d.RemoveBefore(0, 100) + d.RemoveBefore(1, 100) + d.RemoveBefore(2, 100), 6, 0},
	} {
		if tc.n != tc.want {
			t.Errorf("%s: %d went, want %d", tc.name, tc.n, tc.want)
		}
	}
	if d.Len() != 0 || d.Bytes() != 0 || testutil.ToFloat64(d.evicted) != 0 {
		t.Errorf("%d letters of %d bytes are left, %v count as evicted", d.Len(), d.Bytes(), testutil.ToFloat64(d.evicted))
	}
}

func TestDeadLettersAreReadInChunks(t *testing.T) {
	d := must(NewDeadLetters(DeadLettersOptions{}))
	for i := range 20 {
		d.Add(deadLetter(i, 100))
	}
	even := func(l *Letter) bool { return l.Offset%2 == 0 }
	var got []int64
	sizes := ""
	for seq, more := int64(3), true; more; {
		chunk, next := d.from(seq, 3, 250, even)
		for _, l := range chunk {
			got = append(got, l.Offset)
		}
		sizes += fmt.Sprint(len(chunk))
		seq, more = next, next != 0
	}
	if want := []int64{4, 6, 8, 10, 12, 14, 16, 18}; !slices.Equal(got, want) || sizes != "2222" {
		t.Errorf("got %v in chunks of %s", got, sizes)
	}
	if chunk, _ := d.from(0, 3, 10, even); len(chunk) != 1 {
		t.Errorf("%d letters, each of which is over the bound", len(chunk))
	}
	if c, n := d.ends(); n != 20 || c.String() != "0-20" {
		t.Errorf("%d letters up to %s", n, c)
	}
}

func TestDeadLettersAreBoundedInBytes(t *testing.T) {
	d := must(NewDeadLetters(DeadLettersOptions{Bytes: 10_000}))
	for i := range 100 {
		d.Add(deadLetter(i, 1000))
	}
	if d.Bytes() > 10_000 || d.Len() < 8 {
		t.Errorf("%d letters of %d bytes", d.Len(), d.Bytes())
	}
	if d.Add(deadLetter(100, 20_000)); d.Len() != 0 || d.Bytes() != 0 {
		t.Errorf("a letter over the bound is kept: %d letters of %d bytes", d.Len(), d.Bytes())
	}
}

func TestDeadLettersSurviveRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	fresh := func() stateTable { return must(NewDeadLetters(DeadLettersOptions{Keep: 40})) }
	d, disk := fresh().(*DeadLetters), store{}
	for i := range 3000 {
		switch rng.IntN(20) {
		case 0:
			n := d.Len()
			if gone := d.Remove(0, int64(i-rng.IntN(50))); gone > 1 || d.Len() != n-gone {
				t.Fatalf("removed %d of %d letters, %d are left", gone, n, d.Len())
			}
		case 1:
			if rng.IntN(10) == 0 {
				if n := d.Len(); d.RemoveBefore(0, int64(i)) != n || d.Len() != 0 {
					t.Fatal("not all are gone")
				}
			}
		case 2:
			disk.cut(d)
			again := fresh().(*DeadLetters)
			disk.load(t, d, again)
			if fmt.Sprintf("%+v", again.List(0, 100)) != fmt.Sprintf("%+v", d.List(0, 100)) || again.next != d.next || again.Bytes() != d.Bytes() {
				t.Fatalf("step %d: other letters after the restart", i)
			}
			d = again
		default:
			d.Add(deadLetter(i, rng.IntN(50)))
		}
	}
	for key, value := range disk {
		refusesDamage(t, []byte(key), value, fresh)
	}
}
