package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/api"
)

// The demo does what a newcomer is told that it does: it learns before their eyes, and the lines that it prints, pasted
// into a shell, change a list.
func TestTheDemoLearnsAndItsLinesChangeAList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"demo", "-listen", "127.0.0.1:0"}, stdio{in, io.Discard})
		in.Close()
		ended <- err
	}()
	var learned [][4]float64 // events, exposures, AUC, log-loss
	var url string
	var tour []string
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Stop with") {
		line := lines.Text()
		var row [4]float64
		if n, _ := fmt.Sscan(line, &row[0], &row[1], &row[2], &row[3]); n == 4 {
			learned = append(learned, row)
		}
		if after, ok := strings.CutPrefix(line, "ready "); ok {
			url = after
		}
		if strings.HasPrefix(line, "  ") && url != "" {
			tour = append(tour, line)
		}
	}
	if url == "" || len(learned) < 3 {
		cancel()
		t.Fatalf("it printed no ready line, or too few rows: %v; %v", learned, <-ended)
	}
	first, last := learned[0], learned[len(learned)-1]
	if last[2] < 0.70 || last[2] <= first[2] || last[3] >= first[3] {
		t.Errorf("AUC and log-loss went from %v to %v", first, last)
	}
	c := newClient(t, url)
	c.want(200, nil, "GET", "/readyz", "")
	if counts := c.status().Counts; counts.Applied < 100_000 || counts.Late+counts.Duplicate+counts.DeadLettered != 0 {
		t.Errorf("%+v", counts)
	}
	pasteTour(t, tour[slices.IndexFunc(tour, func(l string) bool { return strings.Contains(l, "U=") }):])
	c.http.CloseIdleConnections()
	cancel()
	_, _ = io.Copy(io.Discard, out)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// pasteTour runs the printed lines as they are.
func pasteTour(t *testing.T, tour []string) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("NOT tested: the lines that the demo prints, for want of %s", tool)
			return
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Join(tour, "\n"))
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, text, strings.Join(tour, "\n"))
	}
	var lists []api.List
	for line := range strings.Lines(string(text)) {
		var l api.List
		if json.Unmarshal([]byte(line), &l) == nil && len(l.Items) > 0 {
			lists = append(lists, l)
		}
	}
	if len(lists) != 2 || !strings.Contains(string(text), "changed list after 0.") {
		t.Fatalf("the lines printed %s", text)
	}
	if slices.Equal(itemsOf(lists[0]), itemsOf(lists[1])) || len(lists[0].Degraded)+len(lists[1].Degraded) > 0 {
		t.Errorf("the list %+v became %+v", lists[0], lists[1])
	}
}
