// Package snapshot is the file form of a model's weights: what is kept to roll back to, handed from one instance to
// another, and published by a process that learns to processes that only serve.
//
// A file, version 3; lengths are uvarints:
//
//	"recsvc model 3\n" | kind u8: 'L' or 'S' | definitions, 32 bytes
//	per page: length, key | length, value; keys ascending
//	length 0
//	length, description: JSON
//	SHA-256 of all before, 32 bytes
//
// The keys and values are those of package model; definitions identify the features and heads that the weights mean
// something under. The sum at the end makes a file whole in itself: nothing beside it is needed to tell that it is.
// A reader sees the sum last; whoever must not act on half a file reads it twice, or into something new.
package snapshot
