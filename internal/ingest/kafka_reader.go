package ingest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// kafkaReader fetches single places of a partition over a connection of its own, beside the group's: to see what is there
// when the group gets nowhere.
type kafkaReader struct {
	topic     string
	partition int32
	broker    *sarama.Broker
	tap       *tapDialer
	timeout   time.Duration
}

// openReader connects to the leader of a partition.
func (h *kafkaHandler) openReader(partition int32) (*kafkaReader, error) {
	leader, err := h.client.Leader(h.source.opts.Topic, partition)
	if err != nil {
		return nil, err
	}
	r := &kafkaReader{topic: h.source.opts.Topic, partition: partition, timeout: h.source.opts.Timeout, broker: sarama.NewBroker(leader.Addr())}
	c := h.source.opts.sourceConfig()
	c.Net.ReadTimeout = r.timeout
	r.tap = &tapDialer{dialer: h.dialer, timeout: r.timeout, tls: h.source.opts.TLS}
	c.Net.TLS.Enable, c.Net.TLS.Config = false, nil // the tap does it
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = true, r.tap
	if err := r.broker.Open(c); err != nil {
		return nil, err
	}
	if _, err := r.broker.Connected(); err != nil { // waits for the handshakes
		return nil, err
	}
	return r, nil
}

func (r *kafkaReader) close() { _ = r.broker.Close() }

// fetch returns the batches from the one that holds offset on: one, or as many as fit into maxBytes. The error is that of
// the connection, or tells what is wrong with the bytes: see unreadable.
func (r *kafkaReader) fetch(offset int64, maxBytes int32) ([]*sarama.RecordBatch, error) {
	req := &sarama.FetchRequest{Version: 11, MaxWaitTime: 100, MinBytes: 1, MaxBytes: maxBytes, SessionEpoch: -1}
	req.AddBlock(r.topic, r.partition, offset, maxBytes, -1)
	resp, err := r.broker.Fetch(req)
	if err != nil {
		return nil, err
	}
	block := resp.GetBlock(r.topic, r.partition)
	switch {
	case block == nil:
		return nil, sarama.ErrIncompleteResponse
	case block.Err != sarama.ErrNoError:
		return nil, block.Err
	}
	var batches []*sarama.RecordBatch
	for _, records := range block.RecordsSet {
		if b := records.RecordBatch; b != nil && !b.PartialTrailingRecord {
			batches = append(batches, b)
		}
	}
	return batches, nil
}

// rawBatch is a batch that nobody has taken apart.
type rawBatch struct {
	first, last int64
	size        int64  // of the whole of it, in bytes
	start       []byte // of it, from its header on
}

// received is the time of the batch's records, as far as its header tells.
func (b *rawBatch) received() event.Time {
	return event.FromTime(time.UnixMilli(int64(binary.BigEndian.Uint64(b.start[batchMaxTimeAt:]))))
}

// Of a batch (https://kafka.apache.org/documentation/#recordbatch).
const (
	batchHeadBytes  = 61
	batchLengthAt   = 8
	batchMagicAt    = 16
	batchLastDelta  = 23
	batchMaxTimeAt  = 35
	batchLengthFrom = 12 // the length counts what comes after itself
)

// raw returns the first n bytes of the batch that holds offset, whatever is in it. It speaks the protocol itself, on the
// connection that sarama has made and does not read from by itself. The reader is of no use after it.
func (r *kafkaReader) raw(offset int64, n int) (*rawBatch, error) {
	conn := r.tap.conn
	if err := conn.SetDeadline(time.Now().Add(r.timeout)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(r.rawRequest(offset)); err != nil {
		return nil, err
	}
	return readRawBatch(bufio.NewReader(conn), r.topic, n)
}

// rawRequest is a Fetch, version 11, of one byte of one partition: brokers answer it with one whole batch.
func (r *kafkaReader) rawRequest(offset int64) []byte {
	const client = "recsvc"
	be := binary.BigEndian
	b := make([]byte, 4, 128)
	b = be.AppendUint16(b, 1)  // Fetch
	b = be.AppendUint16(b, 11) // version
	b = be.AppendUint32(b, 1)  // correlation
	b = append(be.AppendUint16(b, uint16(len(client))), client...)
	b = be.AppendUint32(b, ^uint32(0)) // replica: none
	b = be.AppendUint32(b, 100)        // most milliseconds to wait
	b = be.AppendUint32(b, 1)          // least bytes
	b = be.AppendUint32(b, 1)          // most bytes
	b = append(b, 0)                   // isolation: uncommitted, as the group reads
	b = be.AppendUint32(b, 0)          // fetch session: none
	b = be.AppendUint32(b, ^uint32(0))
	b = be.AppendUint32(b, 1) // topics
	b = append(be.AppendUint16(b, uint16(len(r.topic))), r.topic...)
	b = be.AppendUint32(b, 1) // partitions
	b = be.AppendUint32(b, uint32(r.partition))
	b = be.AppendUint32(b, ^uint32(0)) // leader epoch: unknown
	b = be.AppendUint64(b, uint64(offset))
	b = be.AppendUint64(b, ^uint64(0)) // log start: not a follower
	b = be.AppendUint32(b, 1)          // most bytes of the partition
	b = be.AppendUint32(b, 0)          // forgotten topics
	b = be.AppendUint16(b, 0)          // rack
	be.PutUint32(b, uint32(len(b)-4))
	return b
}

// readRawBatch reads the answer to rawRequest as far as it is wanted.
func readRawBatch(r *bufio.Reader, topic string, n int) (*rawBatch, error) {
	var head struct { // in the order of the wire
		Size, Correlation, Throttle int32
		Err                         int16
		Session, Topics             int32
		NameLen                     int16
	}
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return nil, err
	}
	if head.Err != 0 {
		return nil, sarama.KError(head.Err)
	}
	if int(head.NameLen) != len(topic) {
		return nil, fmt.Errorf("an answer to something else: %+v", head)
	}
	if _, err := r.Discard(len(topic)); err != nil {
		return nil, err
	}
	var part struct {
		Partitions, Partition int32
		Err                   int16
		End, Stable, Start    int64
		Aborted               int32
	}
	if err := binary.Read(r, binary.BigEndian, &part); err != nil {
		return nil, err
	}
	if part.Err != 0 {
		return nil, sarama.KError(part.Err)
	}
	const replicaAndLength = 8
	if _, err := r.Discard(16*int(max(0, part.Aborted)) + replicaAndLength); err != nil {
		return nil, err
	}
	return readBatchHead(r, n)
}

func readBatchHead(r io.Reader, n int) (*rawBatch, error) {
	head := make([]byte, batchHeadBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("no batch there: %w", err)
	}
	length := int64(int32(binary.BigEndian.Uint32(head[batchLengthAt:])))
	first, delta := int64(binary.BigEndian.Uint64(head)), int32(binary.BigEndian.Uint32(head[batchLastDelta:]))
	if head[batchMagicAt] != 2 || delta < 0 || length < batchHeadBytes-batchLengthFrom {
		return nil, fmt.Errorf("the header of the batch at offset %d is damaged", first)
	}
	b := &rawBatch{first: first, last: first + int64(delta), size: length + batchLengthFrom}
	rest := make([]byte, min(b.size, int64(n))-min(b.size, int64(n), batchHeadBytes))
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, err
	}
	b.start = append(head, rest...)
	return b, nil
}

// tapDialer makes a connection for sarama and keeps hold of it, in the clear.
type tapDialer struct {
	dialer  *kafkaDialer
	timeout time.Duration
	tls     *tls.Config
	conn    net.Conn
}

// Dial implements sarama's proxy dialer.
func (d *tapDialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
	defer cancel()
	conn, err := d.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.conn = conn
	if d.tls == nil {
		return conn, nil
	}
	c := d.tls.Clone()
	if c.ServerName == "" {
		if c.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	secure := tls.Client(conn, c)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	d.conn = secure
	return secure, nil
}

// unreadable tells errors that may come from the bytes of the log from those of a cluster in trouble. When in doubt they may:
// then the log is looked at, and found to be good.
func unreadable(err error) bool {
	var network net.Error
	var code sarama.KError
	switch {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled),
		errors.Is(err, sarama.ErrOutOfBrokers), errors.Is(err, sarama.ErrClosedClient), errors.Is(err, sarama.ErrNotConnected),
		errors.Is(err, sarama.ErrBrokerNotAvailable), errors.Is(err, sarama.ErrConsumerRetriesExhausted), errors.Is(err, ErrKafkaTopic), errors.Is(err, ErrKafkaDown):
		return false
	case errors.As(err, &code):
		return code == sarama.ErrInvalidMessage
	}
	return true
}
