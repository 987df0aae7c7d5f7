// Package autofeature proposes a configuration from a sample of events, catalogue and profiles, and says why it left a
// field out.
//
// A [Sample] joins outcomes with what was shown, as the server would. [Sample.Propose] then asks of every field, and of every
// aggregate that could be made of the sample, what it would have told at the time: the progressive gain. It goes through the
// sample in its order, predicts each exposure by the smoothed rate of positives among the earlier exposures with the same
// value, and compares the loss with that of the running rate of everything. A gain counts when it is more than three of its
// standard errors above 0. A value seen once cannot predict itself, so that ids gain nothing by being many; what leaks the
// outcome gains too much, and is told by that.
//
// The package does no I/O, reads no clock and draws nothing at random: equal samples make equal proposals.
package autofeature
