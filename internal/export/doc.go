// Package export writes training sets: one row for each exposure, with every feature as it was captured before the exposure
// moved any window, what became of it under each head, and what it was predicted.
//
// A [Table] looks on while the engine applies a log (engine.Observer), so that there is no second implementation of anything: the
// rows are what the engine itself captured, joined and settled. A row is written when the last of its heads is settled, in
// the order in which the engine settles them, which is a function of the log; rows that are settled by one record or by one step of the
// watermark come in the order in which their impressions were shown. So the same log gives the same bytes.
//
// Memory is bounded by the impressions that wait: a few hundred bytes each.
package export
