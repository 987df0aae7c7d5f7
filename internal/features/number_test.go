package features

import (
	"testing"
	"time"
)

func TestANumberIsReadByItsColumn(t *testing.T) {
	s := newStore(t)
	q := s.NewQuery()
	upsert(s, "a", "sport", 9)
	do(s, q, "click", "u", "a", t0)
	column, ok := s.Column("clicks_1m")
	if !ok {
		t.Fatal("no column clicks_1m")
	}
	if _, ok := s.Column("nothing"); ok {
		t.Error("a column that is not declared")
	}
	for _, tc := range []struct {
		at   time.Duration
		want float64
	}{{0, 1}, {49 * time.Second, 1}, {61 * time.Second, 0}} {
		q.Begin("u", nil, t0.Add(tc.at))
		if got := q.Number(column); got != tc.want {
			t.Errorf("%v after a click: %v, want %v", tc.at, got, tc.want)
		}
	}
}
