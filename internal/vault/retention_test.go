package vault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func madeAt(i Info) time.Time { return i.Modified }

// every returns copies made at an interval, the newest just before now.
func every(n int, interval time.Duration, now time.Time) (list []Info) {
	for i := range n {
		list = append(list, Info{Name: fmt.Sprint(i), Modified: now.Add(-time.Minute - time.Duration(i)*interval)})
	}
	return list
}

func TestTheNewestAndOneADayStay(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	copies := every(40, 6*time.Hour, now) // ten days, four a day: the first of today at 11:59
	for _, c := range []struct {
		keep Retention
		want []string // what stays
	}{
		{Retention{Newest: 3}, []string{"0", "1", "2"}},
		{Retention{Newest: 1, Days: 3}, []string{"0", "2", "6"}},
		{Retention{Newest: 4, Days: 2}, []string{"0", "1", "2", "3"}},
		{Retention{}, []string{"0"}},
	} {
		var stay []string
		expired := c.keep.Expired(copies, madeAt, now)
		for _, i := range copies {
			if !slices.Contains(expired, i) {
				stay = append(stay, i.Name)
			}
		}
		if !slices.Equal(stay, c.want) {
			t.Errorf("%+v: %v stay, want %v", c.keep, stay, c.want)
		}
	}
}

func TestTheNewestCopyStaysWhateverTheClockSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var copies []Info
		for i := range 1 + rng.IntN(20) {
			copies = append(copies, Info{Name: fmt.Sprint(i), Modified: time.Unix(rng.Int64N(40*86400), 0)})
		}
		keep := Retention{Newest: rng.IntN(5), Days: rng.IntN(5)}
		now := time.Unix(rng.Int64N(80*86400)-20*86400, 0)
		expired := keep.Expired(copies, madeAt, now)
		newest := slices.MaxFunc(copies, func(a, b Info) int { return a.Modified.Compare(b.Modified) })
		if slices.ContainsFunc(expired, func(i Info) bool { return !i.Modified.Before(newest.Modified) && i.Name == newest.Name }) {
			t.Fatalf("%+v at %v: the newest of %v goes", keep, now, copies)
		}
		if len(copies)-len(expired) < min(len(copies), max(1, keep.Newest)) {
			t.Fatalf("%+v: only %d of %d stay", keep, len(copies)-len(expired), len(copies))
		}
		var left []Info
		for _, c := range copies {
			if !slices.Contains(expired, c) {
				left = append(left, c)
			}
		}
		if again := keep.Expired(left, madeAt, now); len(again) != 0 {
			t.Fatalf("%+v: %v expire only the second time", keep, again)
		}
	}
}
