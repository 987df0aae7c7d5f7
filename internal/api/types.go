package api

import (
	"time"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/rank"
)

// WriteAnswer is the 202 of every write.
type WriteAnswer struct {
	Accepted int                `json:"accepted" doc:"records that are now durable"`
	Rejected []ingest.Rejection `json:"rejected"`
	Cursor   string             `json:"cursor" doc:"the place in the log just after them; opaque"`
}

// Problem is RFC 9457's problem detail.
type Problem struct {
	Type     string             `json:"type"`
	Title    string             `json:"title"`
	Status   int                `json:"status"`
	Detail   string             `json:"detail"`
	Errors   []Flaw             `json:"errors,omitempty" doc:"what is wrong, piece by piece"`
	Accepted *int               `json:"accepted,omitempty" doc:"0 when a whole batch was refused"`
	Rejected []ingest.Rejection `json:"rejected,omitempty" doc:"every record of a batch of which none was accepted, as a write's answer has it"`
}

// Flaw is one thing that is wrong with a request.
type Flaw struct {
	Index   *int   `json:"index,omitempty" doc:"of the record in a batch, from 0"`
	Pointer string `json:"pointer,omitempty" doc:"JSON pointer of the field"`
	Reason  string `json:"reason"`
}

// RecommendationsRequest asks for a list.
type RecommendationsRequest struct {
	User    string           `json:"user,omitempty" doc:"may be unknown or absent" maxLength:"256"`
	N       *int             `json:"n,omitempty" minimum:"1" maximum:"500" doc:"length of the list; 10"`
	Scene   string           `json:"scene,omitempty" doc:"ranking policy; default"`
	Item    string           `json:"item,omitempty" doc:"the item being looked at"`
	Context event.Attributes `json:"context,omitempty"`
	Filter  string           `json:"filter,omitempty" doc:"expression over the item, such as item.price < 100" maxLength:"4096"`
	Exclude []string         `json:"exclude,omitempty" doc:"item ids"`
	Explain bool             `json:"explain,omitempty"`
	After   string           `json:"after,omitempty" doc:"a cursor: answer only from state that includes it"`
	DryRun  bool             `json:"dry_run,omitempty" doc:"log nothing as served"`
}

// RankRequest asks for the caller's own candidates in order.
type RankRequest struct {
	RecommendationsRequest
	Candidates []Candidate `json:"candidates" doc:"at most 2000"`
}

// Candidate is one item to rank.
type Candidate struct {
	Item string `json:"item"`
}

// List is the answer to both.
type List struct {
	Request  string            `json:"request" doc:"id of the list; send it back with exposures and outcomes"`
	User     string            `json:"user"`
	Scene    string            `json:"scene"`
	Model    string            `json:"model" doc:"name@version; empty when no model scored"`
	Variants map[string]string `json:"variants" doc:"experiment arms"`
	Cursor   string            `json:"cursor" doc:"the state that was read includes the log up to here"`
	Degraded []string          `json:"degraded" doc:"what was skipped or fell back"`
	Items    []ListItem        `json:"items"`
}

// ListItem is one slot of a list.
type ListItem struct {
	Item       string            `json:"item"`
	Position   int               `json:"position"`
	Score      float64           `json:"score"`
	Propensity float64           `json:"propensity" doc:"probability of the item in this slot, given the slots above"`
	Channels   []string          `json:"channels"`
	Explain    *rank.Explanation `json:"explain,omitempty"`
}

// Items is the answer of similar and trending.
type Items struct {
	Items []ListItem `json:"items"`
}

// UserView is what is known of a user.
type UserView struct {
	User       string           `json:"user"`
	Attributes event.Attributes `json:"attributes"`
	Features   map[string]any   `json:"features" doc:"live values of the features that need no item and no context: numbers, texts, lists, lists of {value, weight}"`
	Recent     []RecentEvent    `json:"recent" doc:"newest first"`
}

// RecentEvent is one of a user's latest events.
type RecentEvent struct {
	Type string     `json:"type"`
	Item string     `json:"item,omitempty"`
	Time event.Time `json:"ts"`
}

// Status says how the server is doing.
type Status struct {
	Cursor      string           `json:"cursor" doc:"applied up to here"`
	Watermark   *event.Time      `json:"watermark" doc:"event time is complete up to here"`
	LagRecords  int64            `json:"lag_records"`
	LagSeconds  float64          `json:"lag_seconds"`
	Sources     []Source         `json:"sources"`
	Checkpoint  CheckpointStatus `json:"checkpoint"`
	Scrub       ScrubStatus      `json:"scrub"`
	MemoryBytes uint64           `json:"memory_bytes" doc:"resident"`
	Memory      MemoryStatus     `json:"memory"`
	Disk        DiskStatus       `json:"disk"`
	Counts      Counts           `json:"counts"`
	Feedback    FeedbackStatus   `json:"feedback"`
	Models      []ModelStatus    `json:"models"`
	Backfill    *BackfillStatus  `json:"backfill,omitempty" doc:"features that have changed since the start before"`
	Version     string           `json:"version"`
}

// FeedbackStatus tells what became of exposures and outcomes, over the life of the state.
type FeedbackStatus struct {
	Exposures    int64          `json:"exposures" doc:"items that were shown"`
	Implied      int64          `json:"implied" doc:"of these: known from an outcome alone"`
	Duplicate    int64          `json:"duplicate" doc:"exposures of what was shown already"`
	CapturedLate int64          `json:"captured_late" doc:"of the exposures: an outcome came before the served list, so nothing was learned"`
	Brief        int64          `json:"brief" doc:"exposures too short to be evidence; see feedback.min_visible"`
	Unseen       int64          `json:"unseen" doc:"items of which no more than brief exposures came"`
	Unexposed    int64          `json:"unexposed" doc:"items served of which no exposure came"`
	OverQuota    int64          `json:"over_quota" doc:"outcomes beyond feedback.max_outcomes"`
	Heads        []HeadFeedback `json:"heads"`

	Weights     *WeightStatus       `json:"weights,omitempty" doc:"of impressions, where something weighs them"`
	Examination []ExaminationStatus `json:"examination,omitempty" doc:"by scene and layout, where it is estimated"`
}

// WeightStatus tells what impressions weighed, over the life of the state.
type WeightStatus struct {
	Impressions int64   `json:"impressions"`
	Mean        float64 `json:"mean" doc:"before they are normalised"`
	Effective   float64 `json:"effective" doc:"(Σw)²/Σw²: impressions of equal weight that would tell as much"`
}

// ExaminationStatus tells which positions of a scene's layout are looked at.
type ExaminationStatus struct {
	Scene     string              `json:"scene" doc:"empty: of lists ranked elsewhere"`
	Layout    string              `json:"layout"`
	Positions []ExaminationPlaces `json:"positions" doc:"those of which something is known"`
}

// ExaminationPlaces is what is known of a position.
type ExaminationPlaces struct {
	Position int      `json:"position"`
	InForce  *float64 `json:"in_force" doc:"the estimate that learning goes by; null: the configured table holds"`
	Swaps    *Theta   `json:"swaps" doc:"by lists that were drawn in part"`
	Harvest  *Theta   `json:"harvest" doc:"by items seen at several positions"`
	EM       *Theta   `json:"em" doc:"by the model's own predictions"`
}

// Theta is an estimate of how likely a position is looked at, relative to the first.
type Theta struct {
	Theta     float64 `json:"theta"`
	Low       float64 `json:"low" doc:"of its interval of 95 %"`
	High      float64 `json:"high"`
	Effective float64 `json:"effective" doc:"(Σw)²/Σw² of the outcomes that it rests upon"`
	Rate      float64 `json:"rate" doc:"of these that were positive"`
}

// HeadFeedback tells what became of the exposures under one head: positive + negative + pending + erased + dropped + absent
// + captured_late of all heads' are the exposures.
type HeadFeedback struct {
	Model        string      `json:"model"`
	Head         string      `json:"head"`
	Positive     int64       `json:"positive"`
	Negative     int64       `json:"negative"`
	Pending      int64       `json:"pending"`
	Erased       int64       `json:"erased"`
	Dropped      int64       `json:"dropped" doc:"shown while outcomes had stopped, and not learned"`
	Absent       int64       `json:"absent" doc:"captured before the model was there, and neither learned nor judged"`
	Late         int64       `json:"late" doc:"outcomes outside the window"`
	Duplicate    int64       `json:"duplicate" doc:"outcomes of what had one"`
	Unconfirmed  int64       `json:"unconfirmed" doc:"negatives with an outcome that nothing confirmed"`
	LeftOut      int64       `json:"left_out" doc:"negatives that sampling left out"`
	Stalls       int64       `json:"stalls" doc:"times that outcomes stopped while exposures went on"`
	StalledSince *event.Time `json:"stalled_since,omitempty" doc:"they have stopped now: when, in event time, that was found"`
}

// BackfillStatus tells of the state of changed features, which is made from the log while those of before serve.
type BackfillStatus struct {
	State    string  `json:"state" enum:"running,done,failed" doc:"done: they have taken over"`
	Records  int64   `json:"records" doc:"of the log that it has been through"`
	Progress float64 `json:"progress" doc:"share of the log, 0 to 1"`
	Reason   string  `json:"reason,omitempty" doc:"why it has failed; the features of before go on"`
}

// FeatureList holds every definition that has a state, in the order of the configuration.
type FeatureList struct {
	Features []FeatureVersion `json:"features"`
}

// FeatureVersion is one definition of a feature.
type FeatureVersion struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Scope    []string `json:"scope"`
	Version  string   `json:"version" doc:"hash of what the definition says, 12 hexadecimal digits"`
	State    string   `json:"state" enum:"live,backfilling,failed" doc:"backfilling: it takes over when it has caught up; failed: it will not"`
	Progress float64  `json:"progress" doc:"share of the log that its state is made from, 0 to 1"`
	// Definition is the definition as it stands in the configuration, with its defaults left out.
	Definition map[string]any `json:"definition" doc:"what it says, by key, as in the configuration"`
}

// Source is one origin of records.
type Source struct {
	Name       string      `json:"name" doc:"embedded, kafka:topic"`
	State      string      `json:"state" doc:"running, or what is wrong"`
	Next       string      `json:"next" doc:"cursor of what is read next"`
	Partitions []Partition `json:"partitions"`
}

// Partition is one partition of a source.
type Partition struct {
	Partition int32          `json:"partition"`
	Applied   int64          `json:"applied" doc:"offset of what is applied next"`
	End       int64          `json:"end" doc:"offset of what is appended next, as far as it is known"`
	State     PartitionState `json:"state" enum:"running,held,revoked,stopped"`
	Reason    string         `json:"reason,omitempty" doc:"why it is not running"`
}

// PartitionState tells whether a partition is read.
type PartitionState string

// The states of a partition.
const (
	PartitionRunning PartitionState = "running" // read and applied
	PartitionHeld    PartitionState = "held"    // assigned, and not read for now: back-pressure, a full disk
	PartitionRevoked PartitionState = "revoked" // another member of the group reads it; its users' state is as it was
	PartitionStopped PartitionState = "stopped" // it cannot be read on without an operator
)

// ScrubStatus tells of the comparison of the stored state with its digests.
type ScrubStatus struct {
	Running  bool       `json:"running"`
	Finished *time.Time `json:"finished" doc:"when the last pass ended; null: none has yet"`
	Result   string     `json:"result" doc:"of the last pass: ok, or what is wrong; empty: none has ended yet"`
	Entries  int64      `json:"entries" doc:"that the last pass has compared"`
	Bytes    int64      `json:"bytes"`
	Seconds  float64    `json:"seconds" doc:"that it took"`
}

// MemoryStatus tells where the memory goes.
type MemoryStatus struct {
	BudgetBytes int64            `json:"budget_bytes" doc:"configured; 0: none"`
	Rooms       map[string]int64 `json:"rooms" doc:"bytes by what holds them, as far as each room counts its own"`
}

// DiskStatus tells of the disk of the data directory.
type DiskStatus struct {
	FreeBytes   int64 `json:"free_bytes"`
	NeededBytes int64 `json:"needed_bytes" doc:"with less than this free, nothing is taken in"`
	Held        bool  `json:"held" doc:"nothing is taken in until there is room"`
}

// CheckpointStatus describes the last whole checkpoint.
type CheckpointStatus struct {
	Epoch      uint64  `json:"epoch"`
	AgeSeconds float64 `json:"age_seconds"`
	Bytes      int64   `json:"bytes"`
	Seconds    float64 `json:"seconds" doc:"that it took"`
}

// Counts are what became of the records, since the data directory was made.
type Counts struct {
	Received     int64 `json:"received"`
	Applied      int64 `json:"applied"`
	Duplicate    int64 `json:"duplicate"`
	Late         int64 `json:"late"`
	DeadLettered int64 `json:"dead_lettered"`
}

// Metrics of predictions against labels. A value that is not defined yet (AUC without a positive) is null.
type Metrics struct {
	N                 int64    `json:"n"`
	Positives         int64    `json:"positives"`
	AUC               *float64 `json:"auc"`
	LogLoss           *float64 `json:"logloss"`
	NormalizedEntropy *float64 `json:"normalized_entropy"`
	Calibration       *float64 `json:"calibration" doc:"Σp/Σy"`
	AUCBound          *float64 `json:"auc_bound,omitempty" doc:"the AUC, which comes from a histogram, is this near the exact one at least"`
	ESS               *float64 `json:"ess,omitempty" doc:"effective sample size of the weights of what was shown; absent where every weight is 1, as are the two below"`
	WeightedLogLoss   *float64 `json:"weighted_logloss,omitempty"`
	WeightedCal       *float64 `json:"weighted_calibration,omitempty"`
	Bias              *float64 `json:"bias" doc:"mean p − mean y"`
}

// Snapshot describes a copy of the models.
type Snapshot struct {
	ID      string                        `json:"id"`
	Created time.Time                     `json:"created"`
	Cursor  string                        `json:"cursor" doc:"the log up to here is in it"`
	Models  []string                      `json:"models" doc:"name@version"`
	Metrics map[string]map[string]Metrics `json:"metrics" doc:"by model and head"`
	Bytes   int64                         `json:"bytes"`
	SHA256  string                        `json:"sha256"`
	Note    string                        `json:"note"`
}

// SnapshotRequest takes a snapshot.
type SnapshotRequest struct {
	Note string `json:"note,omitempty" maxLength:"1000"`
}

// SnapshotList holds every snapshot, newest first.
type SnapshotList struct {
	Snapshots []Snapshot `json:"snapshots"`
}

// Restored says what a restore led to.
type Restored struct {
	Snapshot string `json:"snapshot"`
	Model    string `json:"model" doc:"the version now in force"`
}

// DeadLetterList holds refused records, newest first. It ends early where the originals are large.
type DeadLetterList struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        int64        `json:"next,omitempty" doc:"before of the next page; absent on the last"`
}

// DeadLetter is a refused record.
type DeadLetter struct {
	ID        string     `json:"id" doc:"its place in the log; retry and remove it by this"`
	Seq       int64      `json:"seq" doc:"its number; page on with before"`
	Source    string     `json:"source" doc:"http, kafka:topic, file"`
	Partition int32      `json:"partition" doc:"of the log; with Kafka, that of the original"`
	Offset    int64      `json:"offset"`
	Place     string     `json:"place" doc:"where it stood: route[index], topic/partition/offset, file:line"`
	Reason    string     `json:"reason"`
	Detail    string     `json:"detail"`
	Received  event.Time `json:"received"`
	Size      int64      `json:"size" doc:"of the original"`
	Text      string     `json:"text,omitempty" doc:"the original, when it is UTF-8"`
	Bytes     []byte     `json:"bytes,omitempty" doc:"the original in base64, when it is not; at most 64 KiB of it"`
}

// LetterSelection says which dead letters are meant: either ids, or all.
type LetterSelection struct {
	IDs []string `json:"ids,omitempty" maxItems:"1000" doc:"of the letters, as the list shows them"`
	All bool     `json:"all,omitempty" doc:"every letter that there is when the request comes"`
}

// LettersRetried says what became of letters that were to be retried. Those that are not named in rejected without an
// index are gone from the list.
type LettersRetried struct {
	Retried  int               `json:"retried" doc:"letters whose records are durable and applied"`
	Records  int               `json:"records" doc:"that they held: a letter may be a whole body"`
	Rejected []LetterRejection `json:"rejected"`
}

// LettersPurged says how many letters were removed.
type LettersPurged struct {
	Purged   int               `json:"purged"`
	Rejected []LetterRejection `json:"rejected"`
}

// LetterRejection is a dead letter that stays, or a record of one.
type LetterRejection struct {
	ID     string `json:"id"`
	Index  *int   `json:"index,omitempty" doc:"of a record in a body of which the rest was accepted; it is a letter of its own now"`
	Reason string `json:"reason"`
}
