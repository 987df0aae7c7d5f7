package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswersAreReadOneAfterTheOther(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 202 Accepted\r\nContent-Type: a\r\ncontent-length: 5\r\n\r\nhello" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: t\r\n\r\n" +
		"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"))
	var r response
	for _, want := range []struct {
		status int
		body   string
	}{{202, "hello"}, {200, "hello, world"}, {429, ""}} {
		if err := r.read(in); err != nil || r.status != want.status || string(r.body) != want.body {
			t.Fatalf("read %d %q, %v; want %d %q", r.status, r.body, err, want.status, want.body)
		}
	}
	if err := r.read(in); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want EOF", err)
	}
}

func TestWhatIsNoAnswerIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"another protocol", "SSH-2.0-x\r\n\r\n"},
		{"a status that is no number", "HTTP/1.1 abc Accepted\r\n\r\n"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n"},
		{"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"},
		{"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
		{"a length beyond all reason", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"},
		{"a chunk size that is no number", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
		{"a chunk that is longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n"},
		{"a line without end", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 8192) + "\r\n\r\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r response
			if err := r.read(bufio.NewReader(strings.NewReader(tc.text))); !errors.Is(err, errResponse) {
				t.Errorf("got %v, want errResponse", err)
			}
		})
	}
}

func TestAConnectionSpeaksToNetHTTP(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodGet {
			body = []byte(strings.Repeat(r.URL.Path, 1000)) // long enough to be chunked
		}
		_, _ = w.Write(body)
	}))
	defer srv.Close()
	c, err := dial(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for range 3 {
		if err := c.do(post("/v1/events", "application/json", []byte("a body"))); err != nil || string(c.answer.body) != "a body" {
			t.Fatalf("POST: %q, %v", c.answer.body, err)
		}
		if err := c.do(get("/list")); err != nil || len(c.answer.body) != 5000 {
			t.Fatalf("GET: %d bytes, %v", len(c.answer.body), err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r response
		in := bufio.NewReader(bytes.NewReader(b))
		for r.read(in) == nil {
			if len(r.body) > len(b) {
				t.Fatalf("a body of %d bytes out of %d", len(r.body), len(b))
			}
		}
	})
}
