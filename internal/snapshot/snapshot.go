package snapshot

import (
	"encoding/json"
	"errors"
	"time"
)

// Kind says what the pages of a file hold.
type Kind byte

const (
	// Learning pages hold all that a learner keeps: learning goes on from there as if nothing had happened.
	Learning Kind = 'L'
	// Serving pages hold weights alone, those that are not 0: enough to predict to the bit, not to learn.
	Serving Kind = 'S'
)

func (k Kind) String() string {
	switch k {
	case Learning:
		return "learning"
	case Serving:
		return "serving"
	}
	return "unknown"
}

const (
	magic   = "recsvc model "
	version = "3\n"

	maxPage        = 4 << 20 // bounds what a length may ask for
	maxDescription = 1 << 20
)

// All errors of a [Reader] are ErrUnusable, wrapped.
var (
	ErrUnusable    = errors.New("unusable model snapshot")
	ErrDefinitions = errors.New("it was taken under other definitions of features or heads")
)

// Description tells of the weights in a file.
type Description struct {
	Created  time.Time       `json:"created"`            // UTC
	Cursor   string          `json:"cursor"`             // what of the log they have learned from
	Models   []string        `json:"models"`             // name@version
	Champion string          `json:"champion,omitempty"` // the model that served
	Metrics  json.RawMessage `json:"metrics,omitempty"`  // by model, then head
	Note     string          `json:"note,omitempty"`
}
