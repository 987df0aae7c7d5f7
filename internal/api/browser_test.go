package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// browserPatience ends a test whose page never becomes what is waited for.
const browserPatience = time.Minute

// browser is one page in a Chromium, driven over its DevTools pipe: messages of JSON, each ended by a zero byte.
type browser struct {
	t       *testing.T
	in      *os.File // commands to it
	out     *bufio.Reader
	session string
	id      int
}

// openPage serves w and opens its page in the Chromium that CHROMIUM names, until the test ends.
func openPage(t *testing.T, w *world) *browser {
	t.Helper()
	binary := os.Getenv("CHROMIUM")
	if binary == "" {
		t.Skip("CHROMIUM names no browser: the page was NOT driven (CHROMIUM=/usr/bin/chromium go test ./internal/api does)")
	}
	addr, stop := start(t, w)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	b := startBrowser(t, binary)
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.call("Page.navigate", map[string]any{"url": "http://" + addr + "/"}, nil) // answered once the page has begun
	return b
}

func startBrowser(t *testing.T, binary string) *browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "recsvc-browser-")
	if err != nil {
		t.Fatal(err)
	}
	theirIn, ourIn := newPipe(t)
	ourOut, theirOut := newPipe(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--headless", "--remote-debugging-pipe", "--user-data-dir="+profile,
		"--no-sandbox", // it sees only the page under test, and root has no sandbox
		"--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // its files 3 and 4
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("start the browser that CHROMIUM names: %v", err)
	}
	theirIn.Close()
	theirOut.Close()
	if err := ourOut.SetReadDeadline(time.Now().Add(browserPatience)); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		defer cancel()
		defer time.AfterFunc(browserPatience, cancel).Stop()                   // kills one that hangs
		_, _ = ourIn.WriteString(`{"id":0,"method":"Browser.close"}` + "\x00") // it ends its children before itself
		ourIn.Close()
		_, _ = io.Copy(io.Discard, ourOut) // until it has ended, so that it never waits for a reader
		ourOut.Close()
		_ = cmd.Wait()
		if err := os.RemoveAll(profile); err != nil {
			t.Logf("the browser's profile stays: %v", err)
		}
	})
	return &browser{t: t, in: ourIn, out: bufio.NewReader(ourOut)}
}

func newPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// call sends one command and reads until its answer, which it decodes into result. What else is said is passed over.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method, "params": params}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	data, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s %v: %v", method, params, err)
		}
		var answer struct {
			ID     int
			Error  json.RawMessage
			Result json.RawMessage
		}
		if err := json.Unmarshal(line[:len(line)-1], &answer); err != nil {
			b.t.Fatalf("%s: %v in %s", method, err, line)
		}
		if answer.ID != b.id {
			continue
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatalf("%s: %v in %s", method, err, answer.Result)
			}
		}
		return
	}
}

// run evaluates JavaScript in the page, waits for its promise if it is one, and returns the value when it is text.
func (b *browser) run(script string) string {
	b.t.Helper()
	var got struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", script, got.ExceptionDetails)
	}
	text, _ := got.Result.Value.(string)
	return text
}

// until waits for a condition, which counts as false while it throws.
func (b *browser) until(condition string) {
	b.t.Helper()
	b.run(fmt.Sprintf(`new Promise((done) => {
		const look = () => { try { if (%s) return done(""); } catch { /* not yet */ } setTimeout(look, 10); };
		look();
	})`, condition))
}

// text is what an element and all inside it say.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return b.run(fmt.Sprintf("document.querySelector(%q).textContent", selector))
}
