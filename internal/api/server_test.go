package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"recsvc/internal/rank"
)

// start serves on a port of its own until the test ends, and returns the address and what Serve will say.
func start(t *testing.T, w *world) (addr string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.api.Serve(ctx, ln) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	return ln.Addr().String(), stop
}

func TestServeFinishesWhatIsUnderWayAndThenEnds(t *testing.T) {
	w := newWorld(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	w.ranked = func(req rank.Request) rank.List {
		close(entered)
		<-leave
		return sampleList(req)
	}
	addr, stop := start(t, w)
	got := make(chan int, 1)
	go func() {
		r, err := http.Get("http://" + addr + "/v1/recommendations?user=u1")
		if err != nil {
			got <- 0
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		got <- r.StatusCode
	}()
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for !w.api.draining.Load() { // becomes true as soon as the other goroutine runs
		runtime.Gosched()
	}
	if rec := w.do("GET", "/readyz", ""); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("ready while draining: %d", rec.Code)
	}
	close(leave)
	if code := <-got; code != http.StatusOK {
		t.Errorf("the request under way got %d", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestServeSaysSoWhenItEndsEarly(t *testing.T) {
	w := newWorld(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := w.api.Serve(t.Context(), ln); err == nil {
		t.Error("no error from a closed listener")
	}
}

// talk writes raw bytes and returns the first answer.
func talk(t *testing.T, addr, raw string, half bool) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	if half {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestHostileRequestsGetA4xx(t *testing.T) {
	w := newWorld(t)
	addr, stop := start(t, w)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	post := "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	for _, tc := range []struct {
		name, raw string
		status    int
	}{
		{"huge header", "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", 431},
		{"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", 400},
		{"body ends early", post + "Content-Length: 50\r\n\r\n{", 400},
		{"announced too large", post + "Content-Length: 99999999999\r\n\r\n" + strings.Repeat("{", 64<<10), 413},
	} {
		half := tc.name == "body ends early"
		if resp := talk(t, addr, tc.raw, half); resp.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d", tc.name, resp.StatusCode, tc.status)
		}
	}
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, path := range []string{"/v1/recommendations", "/v1/rank"} {
		raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", path, len(deep), deep)
		if resp := talk(t, addr, raw, false); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("deep JSON to %s: status %d", path, resp.StatusCode)
		}
	}
}

func TestClientsThatDripAreCutOff(t *testing.T) {
	w := newWorld(t)
	w.api.timeouts = timeouts{header: 30 * time.Millisecond, read: 60 * time.Millisecond, write: time.Minute, idle: 30 * time.Millisecond}
	addr, stop := start(t, w)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	body := "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{"
	if resp := talk(t, addr, body, false); resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("half a body: status %d", resp.StatusCode)
	}
	for _, raw := range []string{"GET /healthz HTTP/1.1\r\nHost:", ""} { // half a header; nothing at all
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, raw); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil { // ends only when the server hangs up
			t.Errorf("after %q: %v", raw, err)
		}
		conn.Close()
	}
	if used := w.api.bodies.used.Load(); used != 0 {
		t.Errorf("%d bytes of the budget are gone", used)
	}
	if n := len(w.records()); n != 0 {
		t.Errorf("%d records logged of half a body", n)
	}
}

func TestManyRequestsOnOneConnectionAreAnsweredInOrder(t *testing.T) {
	w := newWorld(t)
	addr, stop := start(t, w)
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: n%d\r\nContent-Length: " + fmt.Sprint(len(oneEvent)) + "\r\n\r\n" + oneEvent
	for i := range 20 {
		if _, err := fmt.Fprintf(conn, one, i); err != nil {
			t.Fatal(err)
		}
	}
	br := bufio.NewReader(conn)
	for i := range 20 {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusAccepted || resp.Header.Get("X-Request-Id") != fmt.Sprintf("n%d", i) {
			t.Errorf("answer %d: status %d, id %q", i, resp.StatusCode, resp.Header.Get("X-Request-Id"))
		}
	}
}
