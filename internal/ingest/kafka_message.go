package ingest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// kindHeader tells what a message holds. A message without it is a behaviour event, so that a producer needs to know
// nothing of us but the JSON of an event.
const kindHeader = "kind"

// Reasons of dead letters that only Kafka knows.
const (
	reasonUnknownKind  = "unknown_kind"
	reasonEmptyMessage = "empty_message"
)

// kafkaDecoder turns messages into records. One per goroutine.
type kafkaDecoder struct {
	json event.Decoder
	opts *KafkaOptions
}

// batch decodes a run of messages.
func (d *kafkaDecoder) batch(msgs []*sarama.ConsumerMessage) (*Batch, error) {
	recs := make([]event.Record, len(msgs))
	for i, msg := range msgs {
		d.decode(msg, &recs[i])
	}
	d.opts.Metrics.decoded(&d.json.Counts)
	return &Batch{Records: recs}, nil
}

// decode fills rec from msg. What cannot be a record of its kind becomes a dead letter in the same place of the log:
// the offset is accounted for and the stream goes on. Strings of rec alias msg.
func (d *kafkaDecoder) decode(msg *sarama.ConsumerMessage, rec *event.Record) {
	if err := d.record(msg, rec); err != nil {
		d.opts.Metrics.reject(err)
		*rec = kafkaLetter(msg, err)
		d.stamp(msg, rec)
	}
}

func (d *kafkaDecoder) record(msg *sarama.ConsumerMessage, rec *event.Record) error {
	d.stamp(msg, rec)
	kind, err := messageKind(msg)
	if err != nil {
		return &event.Error{Reason: reasonUnknownKind, Detail: err.Error()}
	}
	if len(msg.Value) == 0 {
		return &event.Error{Reason: reasonEmptyMessage, Detail: "the message has no value"}
	}
	if len(msg.Value) > d.opts.MaxRecordBytes {
		return &event.Error{Reason: event.ReasonTooLarge,
			Detail: fmt.Sprintf("%d bytes, more than %d", len(msg.Value), d.opts.MaxRecordBytes)}
	}
	if err := d.json.DecodeJSON(kind, msg.Value, rec); err != nil {
		return err
	}
	if rec.Kind == event.KindControl {
		// Anyone who may produce can write one. In the embedded log, which the server alone writes, one that it does not
		// know stops it; here that would be in everyone's power.
		if err := rec.Control.Check(); err != nil {
			return err
		}
	}
	return d.opts.Accept(rec)
}

// stamp gives the record its place and its receipt: the message's timestamp, which is the broker's with LogAppendTime and
// the producer's otherwise (see checkTimestamps). Never this machine's clock: the same log must make the same state.
func (d *kafkaDecoder) stamp(msg *sarama.ConsumerMessage, rec *event.Record) {
	rec.Partition, rec.Offset = msg.Partition, msg.Offset
	if !msg.Timestamp.IsZero() {
		rec.Received = event.FromTime(msg.Timestamp)
	}
}

func messageKind(msg *sarama.ConsumerMessage) (event.Kind, error) {
	return event.ParseKind(messageKindText(msg))
}

// messageKindText is the kind as the producer wrote it, or the start of it: it goes into the place of a dead letter.
func messageKindText(msg *sarama.ConsumerMessage) string {
	for _, h := range msg.Headers {
		if string(h.Key) == kindHeader && len(h.Value) > 0 {
			return strings.ToValidUTF8(string(h.Value[:min(len(h.Value), 40)]), "\uFFFD")
		}
	}
	return event.KindEvent.String()
}

// kafkaLetter keeps the start of the bytes in a copy: the message's whole batch must not stay in memory with it.
func kafkaLetter(msg *sarama.ConsumerMessage, err error) event.Record {
	place := placeOf(fmt.Sprintf("%s/%d/%d", msg.Topic, msg.Partition, msg.Offset), messageKindText(msg))
	text := bytes.Clone(msg.Value[:min(len(msg.Value), event.MaxDeadLetterBytes)])
	return letterRecord("kafka:"+msg.Topic, place, text, int64(len(msg.Value)), err)
}

// message is the inverse of decode. What belongs to one person has one key, so that it keeps its order: a served list
// and the events that it causes. Ticks and controls go to the partition that the record names.
func message(topic string, rec *event.Record) (*sarama.ProducerMessage, error) {
	key, err := messageKey(rec)
	if err != nil {
		return nil, err
	}
	msg := &sarama.ProducerMessage{Topic: topic, Offset: -1, Value: sarama.ByteEncoder(event.AppendJSON(nil, rec))}
	if key != "" {
		msg.Key = sarama.StringEncoder(key)
	} else {
		msg.Partition = rec.Partition
	}
	if rec.Kind != event.KindEvent {
		msg.Headers = []sarama.RecordHeader{{Key: []byte(kindHeader), Value: []byte(rec.Kind.String())}}
	}
	if rec.Received != 0 {
		msg.Timestamp = rec.Received.Time()
	}
	return msg, nil
}

// messageKey returns the key of a record, "" for one that goes to a partition by number.
func messageKey(rec *event.Record) (string, error) {
	switch rec.Kind {
	case event.KindEvent:
		return rec.Event.User, nil
	case event.KindServed:
		if rec.Served.User == "" { // anonymous: its outcomes name the request
			return rec.Served.Request, nil
		}
		return rec.Served.User, nil
	case event.KindUser:
		return rec.User.ID, nil
	case event.KindItem:
		return rec.Item.ID, nil
	case event.KindDeadLetter:
		return rec.DeadLetter.Place, nil
	case event.KindControl, event.KindTick:
		return "", nil
	}
	return "", fmt.Errorf("kafka: a record of %v cannot be appended", rec.Kind)
}
