package ingest

import (
	"context"
	"sync"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// kafkaChunk is a run of one partition's messages on their way to a Batch.
type kafkaChunk struct {
	messages []*sarama.ConsumerMessage
	batch    *Batch
	done     chan struct{} // closed when batch is there
}

// decodePool decodes chunks of all partitions in parallel. Order is kept by who waits for them, not here.
type decodePool struct {
	work    chan *kafkaChunk
	workers sync.WaitGroup
}

func newDecodePool(opts KafkaOptions) *decodePool {
	p := &decodePool{work: make(chan *kafkaChunk)}
	for range opts.Workers {
		p.workers.Go(func() {
			decoder := &kafkaDecoder{opts: &opts}
			for chunk := range p.work {
				decoder.chunk(chunk)
			}
		})
	}
	return p
}

// submit hands a chunk to the next free worker. False: ctx ended first.
func (p *decodePool) submit(ctx context.Context, chunk *kafkaChunk) bool {
	select {
	case p.work <- chunk:
		return true
	case <-ctx.Done():
		return false
	}
}

// close ends the workers; nobody may submit any more.
func (p *decodePool) close() {
	close(p.work)
	p.workers.Wait()
}

func (d *kafkaDecoder) chunk(c *kafkaChunk) {
	defer close(c.done)
	records := make([]event.Record, len(c.messages))
	for i, msg := range c.messages {
		d.decode(msg, &records[i])
	}
	c.messages = nil
	c.batch = &Batch{Records: records}
}
