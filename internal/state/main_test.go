package state

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		childMain(dir) // a process to be killed; never returns
	}
	goleak.VerifyTestMain(m)
}
