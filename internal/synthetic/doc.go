// Package synthetic is a deterministic stream of exposures whose truth is known: twenty categorical fields with a million values, a
// relevance that is a logistic model of the fields and of five pairs of them, positions that are chosen by relevance, by promotion or by
// chance, and a click where the position was examined and the item was relevant.
//
// Example i is a function of i, of the stream's length and of its policy alone. In the second half of a stream every other field and pair has
// new weights (concept drift), and the bias is greater by 0.2.
//
//	mix(x): x += 0x9E3779B97F4A7C15; x ^= x>>30; x *= 0xBF58476D1CE4E5B9; x ^= x>>27; x *= 0x94D049BB133111EB; x ^= x>>31
//	draw(i,j)  = mix(mix(seed+i)+j)                       draw j of example i
//	U(r)       = (r>>11)·2⁻⁵³                             uniform in [0, 1)
//	G(h)       = (sum of h's four 16-bit lanes − 131070)/37837.2, which has mean 0 and deviation 1
//	field f    : value v with probability ∝ ⌊2⁴⁰/(v+1)⌋, by draw f
//	logit      = bias + 0.2·epoch + Σ_f scale_f·G(weight of v_f) + Σ_pairs Σ_k<4 q(first, k)·q(second, k), q = G/2
//	relevant   = U(draw 20) < σ(logit)
//	randomised = U(draw 23) < 0.3; the position is uniform there, and elsewhere a noisy function of the logit ([ByRelevance]) or of two
//	             fields that say nothing about relevance ([ByPromotion])
//	click      = relevant and U(draw 21) < [Examined] of the position
//
// Over 2,000,000 examples 11.44 % are relevant, and the true probabilities have a log-loss of 0.25574 against relevance.
package synthetic
