package drift

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTheWindowIsThatOfANaiveTwin compares count, mean and variance of the histogram with those of the values that it says
// it covers.
func TestTheWindowIsThatOfANaiveTwin(t *testing.T) {
	a, err := NewADWIN(ADWINOptions{Max: 4})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var all []float64
	for i := range 20_000 {
		x := r.Float64() + float64(i/7000)
		all = append(all, x)
		a.Add(x)
		if i%997 != 0 || i == 0 {
			continue
		}
		n, sum, m2 := a.total()
		window := all[len(all)-int(n):]
		var want, squares float64
		for _, v := range window {
			want += v
		}
		for _, v := range window {
			squares += (v - want/n) * (v - want/n)
		}
		if math.Abs(sum-want) > 1e-8*want || math.Abs(m2-squares) > 1e-8*(1+squares) {
			t.Fatalf("after %d values: n %v, sum %v, m2 %v; want %v and %v", i+1, n, sum, m2, want, squares)
		}
	}
	if mean, n := a.Mean(); mean < 2.4 || n > 6100 || n < 5000 {
		t.Errorf("after two jumps the window has %d values with mean %v: want those since the last one", n, mean)
	}
}

func TestTheWindowIsBounded(t *testing.T) {
	const most = 5000
	a, err := NewADWIN(ADWINOptions{MaxWindow: most})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100_000 {
		a.Add(float64(i % 2))
	}
	if _, n := a.Mean(); n < most*4/5 || n > 2*most {
		t.Errorf("the window covers %d values, want about %d", n, most)
	}
	if got := len(a.AppendState(nil)); got > len(a.rows)*(adwinPerRow+1)*16+64 {
		t.Errorf("its state has %d bytes", got)
	}
}

func TestADWINSaysWhichWay(t *testing.T) {
	for _, tc := range []struct {
		from, to float64
		want     Shift
	}{{.2, .8, Up}, {.8, .2, Down}} {
		a, err := NewADWIN(ADWINOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if s := a.Add(tc.from); s != None {
				t.Fatalf("%v while nothing changes", s)
			}
		}
		got := None
		for i := 0; got == None && i < 200; i++ {
			got = a.Add(tc.to)
		}
		if got != tc.want {
			t.Errorf("from %v to %v: %v", tc.from, tc.to, got)
		}
	}
}
