// Package eval lets many models learn from what one engine captures and joins, and says how well each predicted.
//
// A [Feed] stands where the engine's own models would. It hands what they would be given, in the order in which they would, to any
// number of arms, each of which learns on a goroutine of its own: features are made once, whatever the number of arms, and each
// arm predicts at capture and learns when the join says so, to the bit as a server with that model would have.
//
// [Judge] makes figures of what the arms predicted: exact ones, all predictions being kept at 4 bytes each, with intervals that
// respect that what one person does hangs together: whole users are left out in turn (delete-a-group jackknife).
package eval
