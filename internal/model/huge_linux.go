package model

import (
	"os"
	"syscall"
	"unsafe"
)

// hugeFrom is the size below which a table fits into the TLB anyway.
const hugeFrom = 8 << 20

// adviseHuge asks the kernel to back s by huge pages: slots are hashes, so that in a large table nearly every look-up
// misses the TLB, too. It is advice; a kernel that refuses changes nothing but the speed.
func adviseHuge[T any](s []T) {
	var zero T
	size := len(s) * int(unsafe.Sizeof(zero))
	if size < hugeFrom {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size)
	page := os.Getpagesize()
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (page - 1)
	_ = syscall.Madvise(b[skip:skip+(size-skip)&^(page-1)], syscall.MADV_HUGEPAGE)
}
