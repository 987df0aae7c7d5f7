package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asServer makes the test's binary behave as the command itself, so that a test can kill a server.
const asServer = "RECSVC_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
