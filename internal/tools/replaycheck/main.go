// Command replaycheck judges what `recsvc replay -json` printed: two runs of the same input must agree in all but
// their speed, and the model must be at least as good as asked for.
//
//	replaycheck -head click -auc 0.731 -logloss 0.597 first.json second.json
//
// It prints what it saw and exits 1 at the first thing that is not so.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
)

func main() {
	var want floors
	flag.StringVar(&want.head, "head", "click", "head that the limits are for")
	flag.Float64Var(&want.auc, "auc", 0, "least AUC")
	flag.Float64Var(&want.logLoss, "logloss", 0, "greatest log-loss; 0: any")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: replaycheck [flags] FIRST.json SECOND.json")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), want); err != nil {
		fmt.Fprintln(os.Stderr, "replaycheck:", err)
		os.Exit(1)
	}
}

func run(first, second string, want floors) error {
	a, err := os.ReadFile(first)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(second)
	if err != nil {
		return err
	}
	report, err := check(a, b, want)
	if err != nil {
		return err
	}
	fmt.Println(report)
	return nil
}

// floors is how good a head has to be.
type floors struct {
	head    string
	auc     float64
	logLoss float64 // 0: any
}

// check compares two reports and holds the first against the floors.
func check(first, second []byte, want floors) (string, error) {
	var a, b map[string]any
	if err := json.Unmarshal(first, &a); err != nil {
		return "", fmt.Errorf("first report: %w", err)
	}
	if err := json.Unmarshal(second, &b); err != nil {
		return "", fmt.Errorf("second report: %w", err)
	}
	digest, _ := a["digest"].(string)
	if digest == "" {
		return "", fmt.Errorf("the report has no digest")
	}
	speed := a["events_per_second"]
	for _, key := range []string{"seconds", "events_per_second", "peak_memory_bytes"} {
		delete(a, key)
		delete(b, key)
	}
	for key := range a {
		if !reflect.DeepEqual(a[key], b[key]) {
			return "", fmt.Errorf("%s differs between two runs of the same input: %v and %v", key, a[key], b[key])
		}
	}
	heads, _ := a["heads"].(map[string]any)
	head, _ := heads[want.head].(map[string]any)
	auc, ok := head["auc"].(float64)
	if !ok {
		return "", fmt.Errorf("the report has no AUC of the head %q", want.head)
	}
	logLoss, ok := head["logloss"].(float64)
	if !ok {
		return "", fmt.Errorf("the report has no log-loss of the head %q", want.head)
	}
	if auc < want.auc {
		return "", fmt.Errorf("%s: AUC %.4f is below %.4f", want.head, auc, want.auc)
	}
	if want.logLoss > 0 && logLoss > want.logLoss {
		return "", fmt.Errorf("%s: log-loss %.4f is above %.4f", want.head, logLoss, want.logLoss)
	}
	return fmt.Sprintf("%s: n %v, AUC %.4f, log-loss %.4f; %.0f events/s; both runs ended in digest %s",
		want.head, head["n"], auc, logLoss, speed, digest), nil
}
