// Package validation judges predictions that were made before their outcome was known, as they become final: progressive
// validation. A [Head] keeps what is to be said of one objective of one model.
//
// One goroutine, the writer, observes and takes part in checkpoints; reports may be read beside it. Figures depend on the
// observations and their order alone: no clock is read, nothing is drawn, and no map is walked.
package validation
