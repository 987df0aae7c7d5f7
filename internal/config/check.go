package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"
)

// The words that a setting may take.
var (
	logLevels    = []string{"debug", "info", "warn", "error"}
	roles        = []string{"read", "write", "admin"}
	delays       = []string{"correct", "close", "fake_negative", "fake_negative_calibrated"}
	learners     = []string{"ftrl", "fm", "sgd"}
	calibrations = []string{"none", "platt", "isotonic"}
	examinations = []string{"none", "pbm", "soft"}
	modelRoles   = []string{roleChampion, "challenger", "shadow"}
	channels     = []string{"trending", "similar", "categories", "new"}
	seenPolicies = []string{"off", "demote", "hide"}

	credentialKinds = []string{"env", "file", "iam"}
)

// minKeyChars keeps guessable keys out.
const minKeyChars = 16

// checker collects what is out of range. What only a compiled feature or model can know is left to their rooms.
type checker struct {
	c    *Config
	errs Errors
}

func (k *checker) that(ok bool, path, format string, args ...any) {
	if !ok {
		k.errs = append(k.errs, k.c.Errorf(path, format, args...))
	}
}

func (k *checker) word(path, s string, known []string) {
	if s == "" {
		k.that(false, path, "is missing; known are %s", orKnown("", known)[len("known are "):])
		return
	}
	k.that(slices.Contains(known, s), path, "unknown word %s; %s", quote(s), orKnown(s, known))
}

func (k *checker) positive(path string, d time.Duration) {
	k.that(d > 0, path, "must be longer than 0")
}

func (k *checker) within(path string, x, low, high int) {
	k.that(x >= low && x <= high, path, "must lie between %d and %d", low, high)
}

// unique refuses an empty name and one that was there before.
func (k *checker) unique(path, name string, seen map[string]bool) {
	k.that(name != "", path, "needs a name")
	k.that(name == "" || !seen[name], path, "%s is defined twice", quote(name))
	seen[name] = true
}

func (c *Config) check() Errors {
	k := &checker{c: c}
	k.server()
	k.keys()
	k.limits()
	k.backup()
	k.publish()
	k.features()
	k.patterns()
	k.models()
	k.feedback()
	k.health()
	k.train()
	k.recall()
	k.offPolicy()
	k.validation()
	for name, s := range c.Rank.Scenes {
		k.scene("rank.scenes."+name, s)
	}
	return k.errs
}

func (k *checker) server() {
	c := k.c
	_, port, err := net.SplitHostPort(c.Listen)
	n, perr := strconv.Atoi(port)
	k.that(err == nil && perr == nil && n >= 0 && n <= 65535, "listen", "%s is not host:port, such as 127.0.0.1:8080", quote(c.Listen))
	k.that(c.Data != "", "data", "needs a directory")
	k.word("log_level", c.LogLevel, logLevels)
	k.positive("request_deadline", c.RequestDeadline)
	k.that(c.Lateness >= 0 && c.Lateness <= c.Horizon, "lateness", "must lie between 0 and the horizon (%v)", c.Horizon)
	k.that(c.Horizon >= time.Minute && c.Horizon <= 240*time.Hour, "horizon", "must lie between 1m and 240h")
	k.positive("max_future", c.MaxFuture)
	k.that(c.Checkpoint.Interval >= 100*time.Millisecond, "checkpoint.interval", "must be at least 100ms")
	k.that(c.Checkpoint.MinPause >= 0, "checkpoint.min_pause", "must not be negative")
	k.that(c.Checkpoint.Timeout >= c.Checkpoint.Interval, "checkpoint.timeout", "must be at least checkpoint.interval (%v)", c.Checkpoint.Interval)
	k.that(c.Memory.Budget == 0 || c.Memory.Budget >= 128<<20, "memory.budget", "must be 0 or at least 128MiB")
	k.that(c.Memory.DedupIDs >= 1000, "memory.dedup_ids", "must be at least 1000")
	k.that(c.Memory.LatePairs >= 1000, "memory.late_pairs", "must be at least 1000")
	k.that(c.Scrub.Every >= 0, "scrub.every", "must not be negative")
	k.that(c.Scrub.BytesPerSec >= 64<<10, "scrub.bytes_per_s", "must be at least 64KiB")
	k.that(!c.Scrub.BeforeReady || c.Scrub.Every > 0, "scrub.before_ready", "needs scrub.every")
	k.positive("shutdown.drain", c.Shutdown.Drain)
	k.that(c.Log.SegmentBytes >= 1<<20 && c.Log.SegmentBytes <= 1<<31, "log.segment_bytes", "must lie between 1MiB and 2GiB")
	k.kafka()
}

func (k *checker) keys() {
	names, secrets := map[string]bool{}, map[string]bool{}
	for i, key := range k.c.Keys {
		path := fmt.Sprintf("keys[%d]", i)
		k.unique(path+".name", key.Name, names)
		if key.Key != "" || key.KeyEnv == "" { // else its variable is not set, which has been said
			k.that(len(key.Key) >= minKeyChars, path+".key", "must have at least %d characters; openssl rand -hex 16 makes one", minKeyChars)
			k.that(!secrets[key.Key], path+".key", "is the same as another key")
			k.that(bearerText(key.Key), path+".key", "may hold letters, digits and - . _ ~ + / = only")
			secrets[key.Key] = true
		}
		k.that(len(key.Roles) > 0, path+".roles", "needs at least one of read, write, admin")
		for j, r := range key.Roles {
			k.word(fmt.Sprintf("%s.roles[%d]", path, j), r, roles)
		}
	}
}

// bearerText is RFC 6750's b64token, loosely.
func bearerText(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || slices.Contains([]byte("-._~+/="), c)) {
			return false
		}
	}
	return true
}

func (k *checker) limits() {
	l := k.c.Limits
	k.that(l.BodyBytes >= 1<<10 && l.BodyBytes <= 1<<30, "limits.body_bytes", "must lie between 1KiB and 1GiB")
	k.that(l.RecordBytes >= 1<<10 && l.RecordBytes <= l.BodyBytes, "limits.record_bytes", "must lie between 1KiB and limits.body_bytes")
	k.within("limits.batch_records", l.BatchRecords, 1, 1_000_000)
	k.that(l.PendingRecords >= 1, "limits.pending_records", "must be at least 1")
	k.positive("limits.ready_lag", l.ReadyLag)
	k.that(l.HeaderBytes >= 4<<10 && l.HeaderBytes <= 1<<20, "limits.header_bytes", "must lie between 4KiB and 1MiB")
	k.within("limits.dead_letters", l.DeadLetters, 1, 1_000_000)
}

func (k *checker) features() {
	names := map[string]bool{}
	for i := range k.c.Features {
		f, path := &k.c.Features[i], fmt.Sprintf("features[%d]", i)
		k.unique(path+".name", f.Name, names)
		for _, key := range []string{"window", "slide", "half_life", "gap", "timeout", "ttl"} {
			_, given := k.c.places[path+"."+key]
			k.that(!given || f.lasting(key) > 0, path+"."+key, "must be longer than 0, or be left out")
		}
		k.that(f.Input == "" || len(f.Inputs) == 0, path+".input", "give input or inputs, not both")
	}
}

// maxHeads bounds the heads of all models together: each costs room with every pending impression.
const maxHeads = 64

// models checks what stands side by side: one champion, and the same features for all, since they share one vector.
func (k *checker) models() {
	names, champion, heads := map[string]bool{}, -1, 0
	for i := range k.c.Models {
		m, path := &k.c.Models[i], fmt.Sprintf("models[%d]", i)
		k.unique(path+".name", m.Name, names)
		k.model(path, m)
		k.word(path+".role", m.Role, modelRoles)
		if m.Role == roleChampion {
			k.that(champion < 0, path+".role", "%s is the champion already: one model serves, the others are challenger or shadow",
				quote(k.c.Models[max(champion, 0)].Name))
			champion = i
		}
		first := k.c.Models[0]
		k.that(slices.Equal(m.Features, first.Features), path+".features",
			"all models see one vector: name the features that %s sees, in that order, or leave them out", quote(first.Name))
		heads += len(m.Heads)
	}
	k.that(champion >= 0 || len(k.c.Models) == 0, "models[0].role", "no model is champion: one has to serve")
	k.that(heads <= maxHeads, "models", "%d heads in all models together: %d are the most", heads, maxHeads)
}

func (k *checker) model(path string, m *Model) {
	k.within(path+".bits", m.Bits, 10, 30)
	refresh := time.Duration(m.Refresh)
	k.that(refresh == 0 || refresh >= time.Second && refresh <= 366*24*time.Hour && refresh%time.Second == 0, path+".refresh",
		"must be online, or whole seconds from 1s to 366d")
	k.that(len(m.Heads) > 0, path+".heads", "needs at least one head")
	names := map[string]bool{}
	for i := range m.Heads {
		k.head(fmt.Sprintf("%s.heads[%d]", path, i), &m.Heads[i], names)
	}
}

func (k *checker) head(path string, h *Head, names map[string]bool) {
	k.unique(path+".name", h.Name, names)
	k.that(len(h.Positive) > 0, path+".positive", "needs at least one event type")
	for i, o := range h.Positive {
		k.that(o.Type != "", fmt.Sprintf("%s.positive[%d].type", path, i), "needs an event type")
	}
	k.positive(path+".window", h.Window)
	k.word(path+".delay", h.Delay, delays)
	k.word(path+".examination", h.Examination, examinations)
	k.word(path+".calibration", h.Calibration, calibrations)
	k.that(h.Alpha > 0, path+".alpha", "must be above 0")
	k.that(h.Beta > 0, path+".beta", "must be above 0")
	k.that(h.L1 >= 0, path+".l1", "must not be negative")
	k.that(h.L2 >= 0, path+".l2", "must not be negative")
	k.that(h.Clip > 0, path+".clip", "must be above 0")
	k.learner(path, h)
	k.that(h.MinTheta >= 0 && h.MinTheta <= 1, path+".min_theta", "must lie in [0, 1]; 0 is off")
	k.upkeep(path, h)
	k.evidence(path, h)
}

// learner checks what only some learners have.
func (k *checker) learner(path string, h *Head) {
	k.word(path+".learner", h.Learner, learners)
	k.within(path+".factors", h.Factors, 1, 32)
	k.that(h.Spread > 0 && h.Spread <= 10, path+".spread", "must be above 0 and at most 10")
	for _, f := range []struct {
		key string
		x   float64
	}{{"alpha", h.Latent.Alpha}, {"beta", h.Latent.Beta}, {"l1", h.Latent.L1}, {"l2", h.Latent.L2}} {
		k.that(f.x >= 0, path+".latent."+f.key, "must not be negative")
	}
	k.that(h.Learner == "fm" || h.Latent == Latent{}, path+".latent", "only a factorization machine has latent vectors: write learner: fm")
	k.that(h.Decay >= 0, path+".decay", "must not be negative")
	k.that(h.Learner == "sgd" || h.Decay == 0, path+".decay", "only plain descent has a rate that decays: write learner: sgd")
}

func (k *checker) feedback() {
	f := k.c.Feedback
	k.positive("feedback.exposure_wait", f.ExposureWait)
	k.stalls()
	k.that(f.LateMemory > 0 && f.LateMemory <= 7*24*time.Hour, "feedback.late_memory", "must be more than 0, and at most 168h")
	k.positions("feedback.positions", f.Positions)
	for scene, table := range f.ScenePositions {
		k.positions("feedback.scene_positions."+scene, table)
	}
	k.that(f.ShownClip == 0 || f.ShownClip >= 1, "feedback.shown_clip", "must be 0 (off) or at least 1")
	if len(k.c.Models) > 0 {
		k.examination()
	}
}

func (k *checker) positions(path string, table []float64) {
	for i, p := range table {
		k.that(p > 0 && p <= 1, fmt.Sprintf("%s[%d]", path, i), "must lie in (0, 1]")
	}
}

func (k *checker) recall() {
	r := k.c.Recall
	for typ, w := range r.Weights {
		k.that(w >= 0, "recall.weights."+typ, "must not be negative")
	}
	k.that(len(r.HalfLives) > 0, "recall.half_lives", "needs at least one")
	for i, h := range r.HalfLives {
		k.positive(fmt.Sprintf("recall.half_lives[%d]", i), h)
	}
	k.within("recall.history", r.History, 1, 100)
	k.within("recall.neighbours", r.Neighbours, 1, 1000)
	k.within("recall.seen", r.Seen, 1, 100_000)
	k.within("recall.recent", r.Recent, 1, 10_000)
	k.within("recall.sub_rows", r.SubRows, 1, 100_000)
}

func (k *checker) scene(path string, s Scene) {
	k.within(path+".min_pool", s.MinPool, 1, 2000)
	k.within(path+".seeds", s.Seeds, 1, 1000)
	k.within(path+".categories", s.Categories, 1, 1000)
	k.within(path+".scan_limit", s.ScanLimit, 1, 1_000_000_000)
	k.positive(path+".window", s.Window)
	k.positive(path+".budget", s.Budget)
	k.that(s.Epsilon >= 0 && s.Epsilon <= 1, path+".epsilon", "must lie in [0, 1]")
	k.that(s.Swap.Share >= 0 && s.Swap.Share <= 1, path+".swap.share", "must lie in [0, 1]")
	k.within(path+".swap.positions", s.Swap.Positions, 2, 50)
	k.word(path+".seen.policy", s.Seen.Policy, seenPolicies)
	k.within(path+".seen.times", s.Seen.Times, 0, 65535)
	k.that(s.Seen.Policy == "off" || s.Seen.Times > 0 || s.Seen.Acted, path+".seen.policy", "needs times or acted")
	k.that(len(s.Channels) > 0, path+".channels", "needs at least one")
	names := map[string]bool{}
	for i, ch := range s.Channels {
		p := fmt.Sprintf("%s.channels[%d]", path, i)
		k.word(p+".name", ch.Name, channels)
		k.that(!names[ch.Name], p+".name", "%s stands there twice", quote(ch.Name))
		names[ch.Name] = true
		k.within(p+".quota", ch.Quota, 1, 2000)
	}
}
