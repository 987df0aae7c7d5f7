package config

import "time"

// OffPolicy says which policies are evaluated on what is served, while it is.
type OffPolicy struct {
	Enabled  bool          `yaml:"enabled"`  // estimate for GET /admin/v1/ope; true
	Policies Strings       `yaml:"policies"` // as recsvc ope takes them; absent: uniform, served:greedy and all models
	Reward   string        `yaml:"reward"`   // HEAD of the champion, or MODEL/HEAD, whose outcome is the reward; absent: what the champion ranks by
	Window   time.Duration `yaml:"window"`   // how far back estimates go; 24h
	Clip     float64       `yaml:"clip"`     // greatest weight of the clipped estimators; 10
	Pending  int           `yaml:"pending"`  // impressions followed at a time; further ones are left out, whatever comes of them; 65536
}

func defaultOffPolicy() OffPolicy {
	return OffPolicy{Enabled: true, Window: 24 * time.Hour, Clip: 10, Pending: 1 << 16}
}

func (k *checker) offPolicy() {
	o := &k.c.OffPolicy
	k.that(o.Window >= time.Minute && o.Window <= 366*24*time.Hour, "off_policy.window", "must lie between 1m and 366d")
	k.that(o.Clip >= 1 && o.Clip <= 1e9, "off_policy.clip", "must lie between 1 and 1e9")
	k.within("off_policy.pending", o.Pending, 1, 1<<26)
}
