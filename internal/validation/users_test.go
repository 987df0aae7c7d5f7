package validation

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// naiveUsers recounts the figures by user from the latest outcomes of each.
func naiveUsers(obs []Observation) (auc, gauc float64, rated int) {
	byUser := map[uint64]naive{}
	for _, o := range obs {
		byUser[o.User] = append(byUser[o.User], o)
	}
	var sum, weighted, shown float64
	for _, n := range byUser {
		n = n[max(0, len(n)-userOutcomes):]
		a := n.auc()
		if math.IsNaN(a) {
			continue
		}
		rated++
		sum += a
		weighted += a * float64(len(n))
		shown += float64(len(n))
	}
	return sum / float64(rated), weighted / shown, rated
}

func TestFiguresByUserEqualANaiveRecount(t *testing.T) {
	for _, tc := range []struct {
		name         string
		users, count int
	}{{"few outcomes each", 500, 6_000}, {"more than are kept", 20, 6_000}} {
		t.Run(tc.name, func(t *testing.T) {
			v, obs := New("m/h", Options{}), observations(4, tc.count)
			for i := range obs {
				obs[i].P = float32(math.Round(float64(obs[i].P)*50) / 50) // so that no two that differ are one in a bin
				obs[i].User, obs[i].Theta = uint64(i*7919%tc.users)+1, 0
				v.Observe(obs[i])
			}
			auc, gauc, rated := naiveUsers(obs)
			got := v.Users()
			if got.N != tc.users || got.Share != 1 || got.Rated != rated || math.Abs(got.AUC-auc) > 1e-9 || math.Abs(got.GAUC-gauc) > 1e-9 {
				t.Errorf("got %+v, want AUC %v, GAUC %v of %d", got, auc, gauc, rated)
			}
		})
	}
}

func TestTooManyUsersAreSampledByHash(t *testing.T) {
	const most, count = 200, 10_000
	v := New("m/h", Options{Users: most})
	r := rand.New(rand.NewPCG(8, 8))
	var obs []Observation
	for i := range count {
		p := r.Float64()
		o := Observation{P: float32(p), Positive: r.Float64() < p, User: uint64(i%2000) + 1, Time: int64(i)}
		obs = append(obs, o)
		v.Observe(o)
		if got := v.Users(); got.N > most {
			t.Fatalf("%d users after %d", got.N, i+1)
		}
	}
	got := v.Users()
	if want := got.Share * 2000; math.Abs(float64(got.N)-want) > 4*math.Sqrt(want) || got.Share > 0.125 {
		t.Errorf("%d users of 2000 are said to be a share of %v", got.N, got.Share)
	}
	kept := slices.DeleteFunc(obs, func(o Observation) bool { return !sampled(o.User, v.users.halved) })
	if auc, _, rated := naiveUsers(kept); rated != got.Rated || math.Abs(auc-got.AUC) > 0.01 {
		t.Errorf("got %+v, want AUC %v of %d", got, auc, rated)
	}
}

func TestUsersWhoAreGoneForAWeekMakeRoom(t *testing.T) {
	v := New("m/h", Options{Users: 100})
	user := uint64(0)
	for range 300 { // the sample becomes a quarter or so
		user++
		v.Observe(Observation{P: 0.5, User: user})
	}
	if s := v.Users().Share; s == 1 {
		t.Fatal("nobody was left out")
	}
	for range 2000 {
		user++
		v.Observe(Observation{P: 0.5, User: user, Time: 3 * idleAfter})
	}
	for i := range v.users.list {
		if u := &v.users.list[i]; u.hash != 0 && u.last != 3*idleAfter {
			t.Fatalf("user %d is still there", u.hash)
		}
	}
	before := v.Users().Share
	for day := range int64(60) { // few come now
		for range 30 {
			user++
			v.Observe(Observation{P: 0.5, User: user, Time: (10 + day) * idleAfter})
		}
	}
	if after := v.Users().Share; after <= before {
		t.Errorf("the sample is still %v of all, before %v", after, before)
	}
}

func TestNobodyIsNoUser(t *testing.T) {
	v := New("m/h", Options{})
	v.Observe(Observation{P: 0.5})
	if u := v.Users(); u.N != 0 || !math.IsNaN(u.AUC) || !math.IsNaN(u.GAUC) {
		t.Errorf("%+v", u)
	}
}
