//go:build !linux

package model

// adviseHuge does nothing here.
func adviseHuge[T any]([]T) {}
