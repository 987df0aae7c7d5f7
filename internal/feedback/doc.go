// Package feedback joins what people were shown with what they then did, and turns it into labelled samples.
//
// A [Joiner] parks every impression with the vector and the predictions that were captured when it was applied,
// and waits for its outcomes. What it learns goes to a [Sink] as steps of one head each; what it knows for good
// goes there as settled predictions, for progressive validation.
//
// An impression is one item shown to one person once. It is known by (request, item); without a request an
// outcome belongs to the latest exposure of the same item to the same user. Its life:
//
//	served ──────► exposed ──► first step ──► closed ──► remembered as a fingerprint, then forgotten
//	(parked list)     ▲
//	waiting ──────────┘  an outcome without an exposure: the exposure comes, or is implied when time passes
//
// What is in a committed checkpoint just as it is may leave memory, under a limit ([Joiner.SetBytes]), and is read back by
// [Options].Cold when an event or a timer wants it. That is all the I/O there is, and it has no effect on what is learned.
//
// The package reads no clock and no randomness. Time passes by [Joiner.Advance] only. A Joiner
// belongs to the single writer, which calls it in log order; none of its methods may be called beside another,
// nor from inside a Sink. The same calls give the same steps and the same bytes in a checkpoint.
//
// Identities are 64-bit hashes. With n impressions pending or remembered, two of them share one with
// probability below n²/2⁶⁵: one in 3.7 million for ten times a million of them. Such a pair would be joined wrongly
// once; nothing else breaks.
package feedback
