package ingest

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// wire is the network between a broker in this process and its clients, on the broker's side.
type wire struct {
	mu    sync.Mutex
	conns map[*wireConn]struct{}
	dead  chan struct{} // closed: nothing is held up; open: answers are swallowed, as if the other side had been forgotten
	delay time.Duration // of each answer
}

func newWire() *wire {
	w := &wire{conns: map[*wireConn]struct{}{}, dead: make(chan struct{})}
	close(w.dead)
	return w
}

// listen is for kfake.ListenFn.
func (w *wire) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return &wireListener{l, w}, err
}

type wireListener struct {
	net.Listener
	wire *wire
}

func (l *wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	c := &wireConn{Conn: conn, wire: l.wire, gone: make(chan struct{})}
	l.wire.conns[c] = struct{}{}
	return c, nil
}

type wireConn struct {
	net.Conn
	wire  *wire
	gone  chan struct{}
	close sync.Once
}

func (c *wireConn) Close() error {
	c.close.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	dead, delay := c.wire.dead, c.wire.delay
	c.wire.mu.Unlock()
	select {
	case <-dead:
	case <-c.gone:
		return 0, net.ErrClosed
	}
	time.Sleep(delay)
	return c.Conn.Write(b)
}

// cut closes every connection.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// stall swallows every answer from now on, until the wire is restored.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = make(chan struct{})
}

func (w *wire) restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.dead:
	default:
		close(w.dead)
	}
	w.delay = 0
}

func (w *wire) slow(delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = delay
}

func TestKafkaSourceAndLogOutliveWhatHappensToTheNetwork(t *testing.T) {
	t.Parallel()
	wire := newWire()
	cluster := fakeKafka(t, kfake.ListenFn(wire.listen))
	t.Cleanup(wire.restore) // before the cluster waits for its connections
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 2))
	o.Timeout, o.Rebalance, o.Look, o.MaxBackoff = 500*time.Millisecond, 2*time.Second, 100*time.Millisecond, 500*time.Millisecond
	log := openKafkaLog(t, o)
	r, got := runKafka(t, o, nil), newLedger()
	written := 0
	for _, tc := range []struct {
		name       string
		harm, heal func()
	}{
		{"well", func() {}, func() {}},
		{"every connection is cut", wire.cut, func() {}},
		{"every connection is half open", wire.stall, func() {
			for st := r.source.Status(); st.Connected || st.Err == nil; st = r.source.Status() {
				time.Sleep(time.Millisecond)
			}
			wire.restore()
		}},
		{"every answer is slow", func() { wire.slow(50 * time.Millisecond) }, func() {}},
		{"well again", wire.restore, func() {}},
	} {
		tc.harm()
		tc.heal()
		written += 50
		got.follow(t, r, place(t, log, clicks(7, written-50, 50)))
		t.Logf("%s: %d records", tc.name, written)
	}
	wire.stall()
	r.end() // although nothing answers
	wire.restore()
	got.complete(t, written, true)
}
