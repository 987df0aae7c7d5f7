package validation

import "errors"

// Errors of what is stored. The store keeps the checksums; these are for what a good checksum does not rule out.
var (
	ErrVersion = errors.New("unknown version")
	ErrShort   = errors.New("too short")
	ErrCorrupt = errors.New("corrupt")
)
