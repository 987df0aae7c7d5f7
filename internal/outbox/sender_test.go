package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tray is a box in memory.
type tray struct {
	mu        sync.Mutex
	changed   *sync.Cond
	waiting   []Message
	delivered []string
	givenUp   []string
	deaf      int // times that Delivered fails
}

func newTray(ids ...string) *tray {
	b := &tray{}
	b.changed = sync.NewCond(&b.mu)
	for _, id := range ids {
		b.waiting = append(b.waiting, Message{ID: id, Hook: "h", Made: time.Now(), Body: []byte(`{"id":"` + id + `"}`)})
	}
	return b
}

func (b *tray) Waiting(_ context.Context, n int, skip func(string) bool) (out []Message, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.waiting {
		if len(out) < n && !skip(m.ID) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (b *tray) remove(list *[]string, messages ...Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		*list = append(*list, m.ID)
		b.waiting = slices.DeleteFunc(b.waiting, func(o Message) bool { return o.ID == m.ID })
	}
	b.changed.Broadcast()
}

func (b *tray) Delivered(_ context.Context, messages []Message) error {
	if b.deaf > 0 {
		b.deaf--
		return errors.New("the disk is full")
	}
	b.remove(&b.delivered, messages...)
	return nil
}

func (b *tray) GivenUp(_ context.Context, m Message) error {
	b.remove(&b.givenUp, m)
	return nil
}

// emptied waits until nothing is in the box.
func (b *tray) emptied() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		b.changed.Wait()
	}
}

// receiver is a webhook that fails each id so many times first.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	fails map[string]int
	got   []string
	wrong []string // requests that are not what they should be
}

func newReceiver(t *testing.T, secret string, fails map[string]int) *receiver {
	r := &receiver{fails: fails}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		id, sig := q.Header.Get(HeaderID), q.Header.Get(HeaderSignature)
		r.mu.Lock()
		defer r.mu.Unlock()
		var seconds int64
		if _, err := fmt.Sscanf(sig, "t=%d,", &seconds); err != nil || sig != Sign([]byte(secret), body, time.Unix(seconds, 0)) ||
			q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), id) {
			r.wrong = append(r.wrong, fmt.Sprint(q.Method, q.Header, string(body)))
		}
		if r.fails[id] > 0 {
			r.fails[id]--
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		r.got = append(r.got, id)
	}))
	t.Cleanup(r.Close)
	return r
}

// running runs a sender until the function returned is called.
func running(b Box, opts Options) (stop func()) {
	opts.Poll, opts.Pause = time.Millisecond, time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		New(b, opts).Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func TestEveryMessageArrivesSignedThoughTheReceiverFails(t *testing.T) {
	ids := []string{"0-1-p-0", "0-2-p-0", "0-3-p-0", "0-4-p-0", "0-5-p-0"}
	b, r := newTray(ids...), newReceiver(t, "secret", map[string]int{ids[0]: 3, ids[3]: 1})
	stop := running(b, Options{Hooks: map[string]Hook{"h": {r.URL, []byte("secret")}}, Parallel: 2})
	b.emptied()
	stop()
	slices.Sort(r.got)
	slices.Sort(b.delivered)
	if !slices.Equal(r.got, ids) || !slices.Equal(b.delivered, ids) || len(r.wrong) > 0 {
		t.Errorf("arrived %v, acknowledged %v; wrong: %v", r.got, b.delivered, r.wrong)
	}
}

func TestWhatIsTooOldIsGivenUpAndWhatHasNoHookGoesToNobody(t *testing.T) {
	b := newTray("old", "stray")
	b.waiting[0].Made = time.Now().Add(-2 * time.Hour)
	b.waiting[1].Hook = "gone"
	r := newReceiver(t, "", nil)
	stop := running(b, Options{Hooks: map[string]Hook{"h": {URL: r.URL}}, Keep: time.Hour})
	b.emptied()
	stop()
	if !slices.Equal(b.givenUp, []string{"old"}) || !slices.Equal(b.delivered, []string{"stray"}) || len(r.got) > 0 {
		t.Errorf("given up %v, to nobody %v, arrived %v", b.givenUp, b.delivered, r.got)
	}
}

func TestASenderThatIsStoppedLeavesARequestUnderWayUnacknowledged(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived); <-release }))
	defer hang.Close()
	defer close(release)
	b := newTray("a")
	stop := running(b, Options{Hooks: map[string]Hook{"h": {URL: hang.URL}}})
	<-arrived
	stop()
	if len(b.waiting) != 1 || len(b.delivered) > 0 {
		t.Errorf("waiting %v, acknowledged %v", b.waiting, b.delivered)
	}
}

func TestWhatHasArrivedIsNotSentAgainWhileTheLogCannotBeWritten(t *testing.T) {
	b, r := newTray("a", "b"), newReceiver(t, "", nil)
	b.deaf = 3
	stop := running(b, Options{Hooks: map[string]Hook{"h": {URL: r.URL}}})
	b.emptied()
	stop()
	slices.Sort(r.got)
	if !slices.Equal(r.got, []string{"a", "b"}) {
		t.Errorf("arrived %v", r.got)
	}
}

func TestPausesDoubleUpToTheirBound(t *testing.T) {
	s := New(newTray(), Options{Pause: time.Second, MaxPause: 5 * time.Second})
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := s.pause(i + 1); got != want*time.Second {
			t.Errorf("after %d failures %v, want %v", i+1, got, want*time.Second)
		}
	}
}

// The signature as a receiver would check it, with a value that openssl gives: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
func TestASignatureIsTheHMACOfTheSecondsAndTheBody(t *testing.T) {
	got := Sign([]byte("key"), []byte(`{"a":1}`), time.Unix(1700000000, 5))
	if want := "t=1700000000,v1=" + opensslHMAC; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

const opensslHMAC = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
