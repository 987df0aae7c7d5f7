// Package train makes a model anew from a stretch of the log: several passes over all that there is to learn.
//
// A [Trainer] stands at an engine's tap while the engine goes through the log. It writes every step that the models would have taken to a
// [Spool], a file that is read from front to back, so that memory is bounded by the impressions that wait. Then it makes passes over
// the spool. All but the last take final labels: one example for each impression and head, what came of it known. The last takes the
// steps as they came, corrections among them, which leaves the model as the join expects it: each impression that waits has been learned
// as the join will correct it. So the model can go on from there with the stream, and the first record that it takes live is the one behind
// the last that it was trained on.
//
// A [Reservoir] keeps a bounded sample of all impressions, by hash, to measure forgetting: how well the model does on what it has
// seen long ago, against one that took the log once, as it came.
package train
