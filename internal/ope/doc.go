// Package ope estimates from logged traffic what another policy would have earned: off-policy evaluation.
//
// A policy chooses what is shown. The log holds what the logging policy π₀ chose, with the probability that it gave to that choice, and
// what came of it. An evaluated policy πₑ that would have chosen the same with another probability has a [Sample] of weight
// w = πₑ(a|x)/π₀(a|x), and a [Tally] of samples has the estimators:
//
//	IPS     Σwr / n                       unbiased where π₀ > 0 wherever πₑ > 0 (Horvitz and Thompson 1952)
//	clipped Σ min(w, M)·r / n             less variance; too low for rewards that are never negative (Ionides 2008)
//	SNIPS   Σwr / Σw                      (Hájek; Swaminathan and Joachims, NIPS 2015)
//	DM      Σᵢ Σₐ πₑ(a|xᵢ)·q̂(xᵢ,a) / n   as good as the reward model q̂
//	DR      DM + Σ w(r − q̂) / n           right if either q̂ or π₀ is (Dudík, Langford and Li, ICML 2011)
//	SNDR    DM + Σ w(r − q̂) / Σw
//
// Samples of one person are not independent: standard errors are those of sums over clusters, of the linearised estimator, and the
// bootstrap draws whole clusters. The number of clusters is bounded; beyond it several people share one, which keeps intervals valid.
//
// A list is a sequence of choices. Its log holds the propensity of each item in its slot given the slots above, so a [Slate] has for
// each slot the ratio of that slot alone (independent slots: what stands above is left as it was shown), the product down to it
// (cascade: reward interaction, McInerney et al., KDD 2020: nothing below a slot has a part in its reward) and the product over the
// whole list. Products need to know the whole pool; a slot alone can do with a part of it.
//
// A [Collector] follows impressions through an engine, as its observer, and hands a [Tally] their samples when their rewards are
// settled. The package does no I/O.
package ope
