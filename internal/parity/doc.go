// Package parity compares vectors that a server captured live with those that a replay of its log computes anew.
//
// The one side is what lies in the server's checkpoint: the impressions that waited when it was made. The other is a [Recorder],
// which looks on while an engine applies the same log from its beginning, and remembers of every impression that waits what was
// captured, with the feature behind each slot. The two sides share nothing but the log: a difference is a feature that does not
// mean the same live and in history.
package parity
