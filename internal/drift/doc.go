// Package drift watches streams of numbers for change: losses, labels, predictions, features.
//
// Every detector is fed one value at a time, in an order that the caller keeps, and answers with a [Shift]. What it
// remembers is bounded, depends on the values and their order alone, and goes into a checkpoint as bytes and back
// (AppendState, LoadState). A value that is not finite never enters. Nothing allocates once a detector has seen its
// first values, and nothing is safe for concurrent use: whoever feeds a detector also reads it, or keeps a lock.
//
// [ADWIN] and [PageHinkley] watch a mean, [LabelRate] the rate of an event, [PSI] a distribution, [Mixture] several
// numbers together. [Window] holds what the latest predictions were worth. [Monitor] is all of this for one head of
// a model, [Inputs] what is watched of the vectors.
//
// After a shift a detector begins anew: it takes what comes for the new normal.
package drift
