package engine

import (
	"errors"
	"testing"

	"recsvc/internal/feedback"
)

func TestEntriesOfModelsThatStayKeepTheirValuesAndThoseOfOthersGo(t *testing.T) {
	was := []feedback.Seat{{Name: "old/click"}, {Name: "ctr/click"}, {Name: "ctr/like", Raw: true}, {Name: "slow/click"}}
	now := []feedback.Seat{{Name: "ctr/click"}, {Name: "ctr/like", Raw: true}, {Name: "slow/click"}, {Name: "new/click"}}
	s := NewSeating(was, now, map[string]bool{"ctr": true}) // slow has changed
	refused := (&sample{head: 2, reason: reasonTheta, y: 1}).append(nil)
	refusedNow := (&sample{head: 1, reason: reasonTheta, y: 1}).append(nil)
	orphan := (&sample{head: 3, reason: reasonTheta, y: 1}).append(nil)
	orphanNow := (&sample{head: headGone, reason: reasonTheta, y: 1}).append(nil)
	root := func(left ...uint64) string {
		h := &health{captures: 7, left: left, rollback: Rollback{Snapshot: "s1", Count: 3}}
		return string(h.appendRoot(nil))
	}
	for _, tc := range []struct{ key, value, toKey, toValue string }{
		{"w\x09ctr/click\x00\x00\x00\x01", "page", "w\x09ctr/click\x00\x00\x00\x01", "page"},
		{"w\x0aslow/clickc", "clock", "", ""},
		{"f\x09old/click\x00\x00\x00\x01", "page", "", ""},
		{"v\x08ctr/liket", "total", "v\x08ctr/liket", "total"},
		{"v\x09old/clickt", "total", "", ""},
		{"v\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00", "slices", "v\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00", "slices"},
		{"hm\x02", "monitor", "hm\x01", "monitor"},
		{"hm\x00", "monitor", "", ""},
		{"hm\x03", "monitor", "", ""},
		{"hr", root(10, 20, 30, 40), "hr", root(20, 30, 0, 0)},
		{"hi\x02", "inputs", "hi\x02", "inputs"},
		{"hq\x05", string(refused), "hq\x05", string(refusedNow)},
		{"hq\x06", string(orphan), "hq\x06", string(orphanNow)},
		{"m\x03ctr", "\x01tuned", "m\x03ctr", "\x01tuned"},
		{"m\x04slow", "\x01tuned", "", ""},
		{"m\x00", "\x01ctr", "m\x00", "\x01ctr"},
		{"m\x00", "\x01slow", "", ""},
		{"u1", "a user", "u1", "a user"},
	} {
		key, value, err := s.Entry([]byte(tc.key), []byte(tc.value))
		if string(key) != tc.toKey || string(value) != tc.toValue || err != nil {
			t.Errorf("entry %q %q became %q %q, %v; want %q %q", tc.key, tc.value, key, value, err, tc.toKey, tc.toValue)
		}
	}
	for key, want := range map[string]error{"w\x20short": errLabel, "w\x03ctr": errLabel, "hq\x01": errHealth, "hr": errHealth, "m\x05ctr": errStanding} {
		if _, _, err := s.Entry([]byte(key), []byte("?")); !errors.Is(err, want) {
			t.Errorf("entry %q: %v, want %v", key, err, want)
		}
	}
}

func TestARefusedSampleOfAModelThatIsGoneIsNotReported(t *testing.T) {
	var q quarantine
	kept := sample{head: 0, reason: reasonLabel}
	gone := sample{head: headGone, reason: reasonLabel}
	for i, s := range []sample{kept, gone} {
		if err := q.ring[i].load(s.append(nil), 1); err != nil {
			t.Fatal(err)
		}
		q.n++
	}
	if _, list := q.report([]string{"ctr/click"}); len(list) != 1 || list[0].Head != "ctr/click" {
		t.Errorf("%+v", list)
	}
}
