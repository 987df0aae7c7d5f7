//go:build !linux

package state

import "os"

func allocate(*os.File, int64) error { return nil }
