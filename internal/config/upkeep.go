package config

// upkeep checks what a head does to its slots beside learning.
func (k *checker) upkeep(path string, h *Head) {
	k.within(path+".admit.after", h.Admit.After, 1, 15)
	k.that(h.Admit.Share > 0 && h.Admit.Share <= 1, path+".admit.share", "must be above 0 and at most 1")
	k.that(h.Admit.After == 1 || h.Admit.Share == 1, path+".admit", "give after or share, not both")
	k.span(path+".evict", h.Evict)
	k.span(path+".forget", Span{h.Forget.Examples, h.Forget.Time})
	k.that(h.Forget.To >= 0, path+".forget.to", "must not be negative")
	k.that(h.Learner != "sgd" || h.Forget == Forget{}, path+".forget", "plain descent has nothing to forget: its rate is the same for all weights")
}

// leastSpan is the least number of examples of a span.
const leastSpan = 1000

func (k *checker) span(path string, s Span) {
	k.that(s.Examples == 0 || s.Examples >= leastSpan, path+".examples", "must be at least %d, or be left out", leastSpan)
	k.that(s.Time >= 0, path+".time", "must not be negative")
	k.that(s.Examples == 0 || s.Time == 0, path, "give examples or time, not both")
}
