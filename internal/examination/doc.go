// Package examination estimates, from the stream, how likely each position of a list is to be looked at.
//
// The position-based model says that an outcome needs two things: P(c=1 | x, k) = θ_k · γ(x), the position k is looked at and the
// item is relevant. θ is given relative to the first position, θ_1 = 1, for each group of lists: a scene and a layout (a device, a
// page). Three methods estimate it beside each other, from the same outcomes:
//
//   - [Swaps]: outcomes of lists whose order was, in part, drawn. Two positions whose items were exchanged with probability ½ hold
//     equally relevant items on average, and so do all positions of a list that was drawn as a whole: the ratio of the click rates
//     is that of the θ (Joachims, Swaminathan and Schnabel, WSDM 2017).
//   - [Harvest]: the same item for the same kind of query, shown at different positions by different rankers, versions of a model or
//     draws (intervention harvesting; Agarwal et al., WSDM 2019), matched one to one.
//   - [EM]: regression EM (Wang et al., WSDM 2018), with γ from the model's own prediction: the fixed point of its two steps, found
//     at once instead of by iteration.
//
// The first needs no assumption and costs a few worse lists; the second assumes that relevance has nothing to do with which of its
// positions an item got; the third that the model knows all about relevance that the ranking does.
//
// All sums are decayed by event time. Everything is a function of the calls and their order. An Estimator belongs to the writer;
// [Estimator.Reports] may be called by anyone.
package examination
