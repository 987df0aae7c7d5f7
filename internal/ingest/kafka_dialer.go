package ingest

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// leaveGrace is how long a membership may take to commit its hint and to say good-bye to brokers that may be dead.
const leaveGrace = 2 * time.Second

// kafkaDialer makes the connections of one client, and can cut them: sarama waits for answers under way for as long as a
// request may take, one after the other, which is minutes with a broker that has stopped answering. It is sarama's proxy
// dialer. TLS goes over what it returns.
type kafkaDialer struct {
	net.Dialer

	mu    sync.Mutex
	conns map[*kafkaConn]struct{}
	gone  bool
}

// dialThrough gives a client's settings a dialer of their own.
func dialThrough(c *sarama.Config) *kafkaDialer {
	d := &kafkaDialer{Dialer: net.Dialer{Timeout: c.Net.DialTimeout, KeepAlive: c.Net.KeepAlive}, conns: map[*kafkaConn]struct{}{}}
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, d
	return d
}

type kafkaConn struct {
	net.Conn
	dialer *kafkaDialer
}

// Dial implements sarama's proxy dialer.
func (d *kafkaDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext makes a connection; after cut it refuses.
func (d *kafkaDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.isGone() {
		return nil, net.ErrClosed
	}
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c := &kafkaConn{conn, d}
	d.conns[c] = struct{}{}
	return c, nil
}

// Close implements net.Conn.
func (c *kafkaConn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	return c.Conn.Close()
}

func (d *kafkaDialer) isGone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.gone
}

// cut ends every connection, and there will be no other.
func (d *kafkaDialer) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	for c := range d.conns {
		_ = c.Conn.Close()
	}
	clear(d.conns)
}

// cutAfter cuts the connections some time after ctx has ended. Who calls stop waits for that no longer.
func (d *kafkaDialer) cutAfter(ctx context.Context, grace time.Duration) (stop func()) {
	quit := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
		case <-quit:
			return
		}
		late := time.NewTimer(grace)
		defer late.Stop()
		select {
		case <-late.C:
			d.cut()
		case <-quit:
		}
	})
	return func() {
		close(quit)
		watch.Wait()
	}
}
