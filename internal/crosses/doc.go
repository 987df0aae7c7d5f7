// Package crosses searches, within a budget, for pairs of categorical features that tell a model more together than it knows from each
// of them: candidates for features of the kind cross.
//
// A [Sample] holds exposures in the order of their time: the values of their categorical features, what the model said of each before its
// outcome was known, and the outcome. A pair is tried by giving each combination of its two values a correction w to the model's logit,
// learned from the exposures before and judged on the next one. It is the extended Kalman filter of one weight with a normal prior of precision λ:
// with q = σ(logit + w) before the outcome y,
//
//	h ← h + q(1−q), from λ on
//	w ← w + (y − q)/h
//
// which costs a look-up and an exponential. [Sample.Search] tries all pairs on a short beginning, drops the worse half, tries the rest on
// twice as much, and so on (successive halving, Jamieson & Talwalkar, AISTATS'16). Of what is left it takes the pair that gains most, adds its
// corrections to the model's logits, and measures the others beyond it (lazy greedy selection): of two pairs that say the same, the second
// gains little. What was found is judged on exposures later than all that were searched.
//
// The package does no I/O, reads no clock and draws nothing at random: equal samples give equal findings.
package crosses
