package features

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// However many sequences hang on one user, the entity stays below what a checkpoint can hold, and those that changed last
// are still there.
func TestAnEntityThatGrowsTooLargeLosesTheSubRowsThatChangedLongestAgo(t *testing.T) {
	var defs []Definition
	for n := range 40 {
		defs = append(defs, Definition{
			Name: fmt.Sprint("last", n), Kind: "last_k", Scope: []string{"user", "item"}, On: On("click"), N: 25 + n,
		})
	}
	s := storeOf(t, defs, Options{SubRows: 1 << 20})
	q := s.NewQuery()
	at := event.Time(1e18)
	for i := range 6000 {
		at += event.Time(time.Second)
		do(s, q, "click", "u", fmt.Sprint("i", i/64), at)
	}
	u := s.users.find(hashString("u"))
	if used := u.words(); used > maxEntityWords || used < maxEntityWords/2 {
		t.Errorf("%d words, at most %d are allowed", used, maxEntityWords)
	}
	var v Vector
	for _, tc := range []struct {
		item string
		want bool
	}{{"i0", false}, {"i93", true}} {
		ref, _ := s.LookupItem(tc.item)
		q.Begin("u", nil, at)
		if q.Item(&v, ref); (len(v.Slots) > 0) != tc.want {
			t.Errorf("%s: %d slots", tc.item, len(v.Slots))
		}
	}
	s.users.set.Cut(func(key, value []byte, _ dirty.Sum) {
		if len(value) > 768<<10 {
			t.Errorf("entry %x of %d bytes", key, len(value))
		}
	})
	for !s.users.set.Flush(100) {
	}
}

func TestAScopeThatMayTakeTooMuchForOneKeyIsRefused(t *testing.T) {
	var defs []Definition
	for n := range 64 {
		for _, outcome := range []string{"a", "b"} {
			defs = append(defs, Definition{
				Name: fmt.Sprint("last", n, outcome), Kind: "last_k", On: On("click"), N: n + 1, Outcomes: []string{outcome},
			})
		}
	}
	for n := range 8 {
		defs = append(defs, Definition{Name: fmt.Sprint("n", n), Kind: "count", On: On("click"), Window: 1024 * time.Hour, Slide: time.Hour, TTL: time.Duration(n+1) * time.Hour})
	}
	_, err := New(defs, Options{})
	var de *DefinitionError
	if !errors.As(err, &de) || de.Key != "scope" || !strings.Contains(de.Msg, "at most 128 KiB") {
		t.Errorf("error %v", err)
	}
}
