// Package model learns to predict outcomes from hashed sparse features, one example at a time.
//
// A [Model] is a set of heads, one per outcome, that read the same feature vector. Each [Head] has a learner (logistic regression or
// a factorization machine, by FTRL-Proximal, or plain gradient descent: see learner.go) with its own rates, its own weights and its own
// way of dealing with positions that were perhaps not examined. A [validation.Head] keeps its progressive metrics.
//
// One goroutine, the writer, learns, restores and takes part in checkpoints. Any number of others may predict and
// explain beside it: they load only the published weights, which are single atomic words. No weight is ever torn,
// though two weights may differ in age.
//
// Nothing here reads a clock, draws a random number or walks a map, and no product is left for a compiler to fuse
// with a sum: the same calls in the same order give the same bits.
//
// Caveats: features share a slot when their hashes collide (pick Bits so that slots outnumber features several
// times; see [Head.Weights]). Accumulators are float32: once n exceeds 2^24 times the usual squared gradient it
// stops growing, and the learning rate of that slot stops falling.
package model
