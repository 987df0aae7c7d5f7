// Package expression is the language of every formula in a configuration or a request: filters of lists,
// selections of events, values of aggregates, computed features, steps of patterns. docs/expressions.md
// describes it to those who write it.
//
// The syntax is that of expr-lang/expr, whose parser reads it. The text is compiled to closures over
// [event.Value] instead of expr's byte code: there are no boxed values, so evaluating allocates nothing
// (joining strings and changing their case apart), and there are neither ranges, nor loops over anything
// but a list at hand, nor loops within loops. Length, parts and steps are bounded, so that no text can keep
// the process busy.
//
// What is missing, and how it spreads, in one place:
//   - a comparison with a missing value, or with one of another type, is false, `!=` included;
//   - arithmetic on what is missing is missing, and so is a result that is infinite or not a number;
//   - a missing condition is false, a missing list is empty;
//   - `x != nil` asks whether x is there, `x ?? 0` puts something in its place.
//
// Types are checked when compiling, as far as the [Names] know them: what can never be true is a mistake.
//
// The package does no I/O and keeps no state.
package expression
