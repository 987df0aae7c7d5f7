package model

import "unsafe"

// prefetch asks for the cache lines at base + stride·(slot & mask), and does not wait for them.
//
//go:noescape
func prefetch(base unsafe.Pointer, slots []uint32, mask uint32, stride uintptr)
