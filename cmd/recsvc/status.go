package main

import (
	"strings"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/feedback"
)

// Status implements api.Engine.
func (e *engineRoom) Status() api.Status {
	s := e.engine.Status()
	out := api.Status{
		Cursor: s.Cursor.String(), LagRecords: e.lag(), LagSeconds: e.behind(s).Seconds(), MemoryBytes: residentMemory(),
		Version: release, Models: withoutSlices(e.modelStatuses()), Sources: []api.Source{e.sourceStatus(s)},
		Scrub: e.scrubStatus(), Memory: memoryStatus(s.Memory), Disk: e.diskStatus(),
		Counts: api.Counts{
			Received: int64(s.Records), Applied: int64(s.Applied), Duplicate: int64(s.Duplicate), Late: int64(s.Late),
			DeadLettered: int64(s.DeadLettered),
		},
	}
	out.Feedback = feedbackStatus(&s.Feedback)
	out.Feedback.Weights, out.Feedback.Examination = weightStatus(e.engine), examinationStatus(e.engine)
	out.Backfill = e.backfill.status()
	if s.Watermark != 0 {
		out.Watermark = &s.Watermark
	}
	if c, ok := e.engine.LastCheckpoint(); ok {
		out.Checkpoint = checkpointStatus(c)
	}
	return out
}

func feedbackStatus(c *feedback.Counters) api.FeedbackStatus {
	out := api.FeedbackStatus{
		Exposures: c.Exposures, Implied: c.ImpliedExposures, Duplicate: c.DuplicateExposures, CapturedLate: c.CapturedLate,
		Brief: c.BriefExposures, Unseen: c.Unseen, Unexposed: c.Unexposed, OverQuota: c.OverQuota,
		Heads: make([]api.HeadFeedback, len(c.Heads)),
	}
	for i := range c.Heads {
		h := &c.Heads[i]
		model, head, _ := strings.Cut(h.Name, "/")
		out.Heads[i] = api.HeadFeedback{
			Model: model, Head: head, Positive: h.Positive, Negative: h.Negative, Pending: h.Pending, Erased: h.Erased, Dropped: h.Dropped, Absent: h.Absent,
			Late: h.LateOutcomes, Duplicate: h.DuplicateOutcomes, Unconfirmed: h.Unconfirmed, LeftOut: h.LeftOut, Stalls: h.Stalls,
		}
		if h.Stalled {
			out.Heads[i].StalledSince = &h.StalledFrom
		}
	}
	return out
}

func checkpointStatus(s engine.CheckpointStatus) api.CheckpointStatus {
	return api.CheckpointStatus{
		Epoch: s.Epoch, AgeSeconds: time.Since(s.Written).Seconds(), Bytes: s.Bytes, Seconds: s.Took.Seconds(),
	}
}

func (e *engineRoom) sourceStatus(s engine.Status) api.Source {
	source := api.Source{Name: "embedded", State: "running", Next: s.Cursor.String()}
	if e.kafka == nil {
		state := api.PartitionRunning
		if s.Memory.Held {
			state = api.PartitionHeld
		}
		source.Partitions = []api.Partition{{Applied: s.Cursor.Offset(0), End: e.wal.Next(), State: state}}
		return source
	}
	source.Name = "kafka:" + e.config.Kafka.Topic
	k := e.kafka.Status()
	if err := k.Problem(); err != nil {
		source.State = err.Error()
	}
	for _, p := range k.Partitions {
		part := api.Partition{
			Partition: p.Partition, Applied: max(p.Start, s.Cursor.Offset(p.Partition)), End: p.End, State: api.PartitionRunning,
		}
		switch {
		case p.Halted != nil:
			part.State, part.Reason = api.PartitionStopped, p.Halted.Error()
		case !p.Claimed:
			part.State = api.PartitionRevoked
		case k.Held != nil:
			part.State, part.Reason = api.PartitionHeld, k.Held.Error()
		case p.Waiting != nil:
			part.State, part.Reason = api.PartitionHeld, p.Waiting.Error()
		}
		source.Partitions = append(source.Partitions, part)
	}
	return source
}

func (e *engineRoom) scrubStatus() api.ScrubStatus {
	s := e.scrub.last()
	out := api.ScrubStatus{Running: s.Running, Entries: s.Entries, Bytes: s.Bytes, Seconds: s.Took.Seconds()}
	if !s.Finished.IsZero() {
		out.Finished, out.Result = &s.Finished, "ok"
	}
	var found []string
	for _, err := range []error{s.State, s.Log} {
		if err != nil {
			found = append(found, err.Error())
		}
	}
	if len(found) > 0 {
		out.Result = strings.Join(found, "; ")
	}
	return out
}

func memoryStatus(m engine.MemoryStatus) api.MemoryStatus {
	return api.MemoryStatus{
		BudgetBytes: m.Budget,
		Rooms:       map[string]int64{"users": m.Users, "joins": m.Joins, "dedup": m.Dedup, "other": max(0, m.Live-m.Users-m.Joins-m.Dedup)},
	}
}

func (e *engineRoom) diskStatus() api.DiskStatus {
	free, err := e.disk.look()
	return api.DiskStatus{FreeBytes: free, NeededBytes: e.disk.needed, Held: err != nil}
}
