package main

import (
	"runtime"
	"syscall"
	"time"
)

// threadClock keeps the goroutine that calls it on its thread and returns what that thread has computed so far.
func threadClock() func() time.Duration {
	runtime.LockOSThread()
	return func() time.Duration { return computed(syscall.RUSAGE_THREAD) }
}

// processClock is what the process has computed so far.
func processClock() time.Duration { return computed(syscall.RUSAGE_SELF) }

func computed(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
