package feedback

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

func seatsOf(o Options) (seats []Seat) {
	for _, h := range o.Heads {
		seats = append(seats, Seat{h.Name, h.Raw})
	}
	return seats
}

// moved is what a seating makes of a store.
func moved(t *testing.T, s store, was, now Options) store {
	t.Helper()
	out := store{}
	seating := NewSeating(seatsOf(was), seatsOf(now), func(string) bool { return true })
	for key, e := range s {
		k, v, err := seating.Entry([]byte(key), e.value)
		if err != nil {
			t.Fatal(err)
		}
		if k == nil {
			continue
		}
		if _, twice := out[string(k)]; twice {
			t.Fatalf("two entries of key %x", k)
		}
		out[string(k)] = stored{v, dirty.SumOf(k, v)}
	}
	return out
}

// ofHead are the lines of a log about one head.
func ofHead(log []string, head string) (lines []string) {
	for _, line := range log {
		if strings.HasPrefix(line, head+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// captureOf is the number of the capture that a line of a log is about.
func captureOf(t *testing.T, line string) int {
	t.Helper()
	_, rest, _ := strings.Cut(line, "#")
	n, err := strconv.Atoi(fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHeadsThatStayDoWhatTheyWouldHaveDoneWhileOthersComeAndGo(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("stream ", seed), func(t *testing.T) {
			was := streamOptions(int(seed))
			click, dwell, buy := was.Heads[0], was.Heads[1], was.Heads[2]
			// New heads take the same events for outcomes, on which the others' impressions depend. So they do on the longest window.
			next, instead := dwell, buy
			next.Name, next.Delay, next.Sampling, next.ValueCap = "next", Correct, Sampling{}, 0
			instead.Name, instead.Raw, instead.Sampling = "next", true, Sampling{}
			more, other := was, was
			more.Heads = []HeadOptions{buy, dwell, click, next}
			other.Heads = []HeadOptions{dwell, instead, click}

			ops := stream(seed, 1500)
			whole := newRig(t, was)
			whole.wide, whole.full = true, true
			r, o, disk := newRig(t, was), was, store{}
			save := func() store {
				cutAll(r.j, disk)
				for !flushSome(r.j, 1000) {
				}
				return disk
			}
			for part, to := range []Options{was, more, was, other} {
				captured := r.captures
				if part > 0 {
					disk = moved(t, save(), o, to)
					r = load(t, to, disk, captured)
				}
				o = to
				from := len(whole.log)
				for _, op := range ops[part*len(ops)/4 : (part+1)*len(ops)/4] {
					whole.apply(op)
					r.apply(op)
				}
				r.check()
				for _, h := range []string{"click", "dwell", "buy"} {
					if h == "buy" && part == 3 {
						continue
					}
					if got, want := ofHead(r.log, h), ofHead(whole.log[from:], h); part > 0 && !slices.Equal(got, want) {
						t.Fatalf("part %d, head %q: %s", part, h, firstDifference(got, want))
					}
				}
				lines := ofHead(r.log, "next")
				for _, line := range lines {
					if n := captureOf(t, line); n <= captured {
						t.Fatalf("%q, of a capture that was made when the head was not there", line)
					}
				}
				if learns := part == 1 || part == 3; learns != (len(lines) > 0) {
					t.Errorf("part %d has %d lines of the new head", part, len(lines))
				}
				if part == 2 {
					if got, want := dump(save()), dump(written(whole.j)); got != want {
						t.Errorf("without the head that came and went:\n%s\nwant\n%s", got, want)
					}
				}
			}
		})
	}
}

// An impression that no head knows is forgotten when it would have been if nobody had shown it.
func TestAnImpressionOfWhichAllHeadsAreGoneIsForgotten(t *testing.T) {
	was := click()
	now := click()
	now.Heads[0].Name = "other"
	r := newRig(t, was)
	r.run(`
		exposure u1/a @10 r=x
		exposure u2/a @40 r=y
		wm 41
		served u3 @41 r=z b=0.5`)
	r = load(t, now, moved(t, written(r.j), was, now), r.captures)
	r.run(`
		click u2/a @43 r=y
		exposure u3/b @43 r=z
		click u3/b @44 r=z
		exposure u4/a @45 r=v
		wm 51
		click u4/a @52 r=v
		wm 200`)
	for i, line := range r.log {
		r.log[i] = strings.TrimSpace(line)
	}
	compareLines(t, r.log, `
		other 0 #4 w=1 θ=1
		other yes #4 7s w=1 θ=1 pos=0 user=`+fmt.Sprintf("%x", HashUser("u4"))+` scene=0 variant=0
		other fix #4 w=1 θ=1`)
	if c := r.j.Counters(); c.Heads[0].Absent != 3 || c.Exposures != 4 || c.Heads[0].LateOutcomes != 2 || r.j.Pending() != 0 {
		t.Errorf("%+v, %d pending", c, r.j.Pending())
	}
}

func TestASeatingRefusesWhatIsNotOfItsHeads(t *testing.T) {
	was := streamOptions(5)
	s := written(sample(t).j)
	for _, now := range []Options{click(), two(Correct)} {
		seating := NewSeating(seatsOf(now), seatsOf(was), func(string) bool { return true })
		var errs error
		for key, e := range s {
			_, _, err := seating.Entry([]byte(key), e.value)
			errs = errors.Join(errs, err)
		}
		if !errors.Is(errs, ErrHeads) {
			t.Errorf("got %v", errs)
		}
	}
	seating := NewSeating(seatsOf(was), seatsOf(was), func(string) bool { return true })
	for key, e := range s {
		for n := range len(e.value) {
			if _, _, err := seating.Entry([]byte(key), e.value[:n]); err != nil && !errors.Is(err, ErrShort) && !errors.Is(err, ErrVersion) {
				t.Errorf("key %x cut to %d bytes: %v", key, n, err)
			}
		}
	}
	if _, _, err := seating.Entry([]byte("w"), nil); !errors.Is(err, errForeign) {
		t.Errorf("got %v", err)
	}
}

func TestGlobalsOfTheFormerVersionAreRead(t *testing.T) {
	j := load(t, streamOptions(5), readGolden(t, "testdata/v3.golden"), 0).j
	if got, want := fmt.Sprint(j.Counters()), fmt.Sprint(sample(t).j.Counters()); got != want {
		t.Errorf("counters %s, want %s", got, want)
	}
	j.Advance(o2e(time.Hour)) // which writes those of this version
	if got := written(j)[string([]byte{prefixRest, restGlobals})].value[0]; got != globalsV4 {
		t.Errorf("version %d", got)
	}
}
