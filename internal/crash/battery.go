package crash

import (
	"os"
	"testing"
)

// Times is how often a test repeats what it does: short in `make test`, long in `make crash`, which sets CRASH=long.
func Times(short, long int) int {
	if os.Getenv("CRASH") == "long" {
		return long
	}
	return short
}

// Count logs that so much was survived; internal/tools/testsum adds these lines up.
func Count(t testing.TB, what string, n int) {
	t.Helper()
	t.Logf("battery: %s %d", what, n)
}
