package stream

import "testing"

func TestTheStreamBeginsAsItIsDocumented(t *testing.T) {
	for i, want := range []Event{
		{37, 770, 10, false, Start},
		{3399, 7472, 12, false, Start},
		{6, 2505, 5, false, Start},
		{1, 8346, 6, false, Start},
		{929, 7951, 11, false, Start},
	} {
		if got := At(uint64(i)); got != want {
			t.Errorf("event %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestTheStreamIsTheOneThatFlinkWasGiven(t *testing.T) {
	const n = 2_000_000
	seen := make([]bool, Users)
	var users, clicks, late, checksum uint64
	newest := int64(0)
	for i := range uint64(n) {
		e := At(i)
		if e.TS < newest {
			late++
		}
		newest = max(newest, e.TS)
		click := uint64(0)
		if e.Click {
			click = 1
		}
		clicks += click
		if !seen[e.User] {
			seen[e.User] = true
			users++
		}
		checksum += mix(uint64(e.TS) ^ mix(uint64(e.User)<<32|uint64(e.Item)<<1|click))
	}
	if users != 97_916 || clicks != 200_032 || late != 100_170 || checksum != 0xec116142a705d968 {
		t.Errorf("%d users, %d clicks, %d out of order, checksum %016x", users, clicks, late, checksum)
	}
}

func TestMakingAnEventAllocatesNothing(t *testing.T) {
	i, users := uint64(0), uint32(0)
	if n := testing.AllocsPerRun(1000, func() { users += At(i).User; i++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAt(b *testing.B) {
	b.ReportAllocs()
	i, users := uint64(0), uint64(0)
	for b.Loop() {
		users += uint64(At(i).User)
		i++
	}
	_ = users
}
