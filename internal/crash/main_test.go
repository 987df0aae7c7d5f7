package crash

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		childMain(dir) // a process that is to end in a panic
		return
	}
	goleak.VerifyTestMain(m)
}
