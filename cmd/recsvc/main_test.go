package main

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asServer makes the test's binary behave as the command itself, so that a test can kill a server.
const asServer = "RECSVC_TEST_AS_COMMAND"

// tuned is what such a process folds and evicts by: "FOLD MEMORY", see tuning.
const tuned = "RECSVC_TEST_TUNED"

func tune(text string) error {
	if text == "" {
		return nil
	}
	_, err := fmt.Sscan(text, &tuning.foldCheckpoints, &tuning.memoryBudget)
	return err
}

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		if err := tune(os.Getenv(tuned)); err != nil {
			panic(err)
		}
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
