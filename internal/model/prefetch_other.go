//go:build !amd64

package model

import "unsafe"

// prefetch would ask for cache lines: it is a matter of speed alone.
func prefetch(unsafe.Pointer, []uint32, uint32, uintptr) {}
