package api

import (
	"fmt"
	"net/http"
)

// OffPolicy estimates what policies would have earned on logged traffic. It is also what `recsvc ope -json` prints. What is not
// defined is null.
type OffPolicy struct {
	Reward        string        `json:"reward"`                   // model/head whose outcome counts as 1
	WindowSeconds float64       `json:"window_seconds,omitempty"` // how far back it goes
	Pending       int64         `json:"pending"`                  // impressions whose reward is not settled
	Policies      []PolicyValue `json:"policies"`
}

// PolicyValue is one policy on that traffic.
type PolicyValue struct {
	Policy  string           `json:"policy"`
	Slots   []SlotsValue     `json:"slots"`
	Skipped map[string]int64 `json:"skipped"` // impressions passed over, by the reason
}

// SlotsValue is a policy's value under one idea of which slots of a list have a part in a reward.
type SlotsValue struct {
	Slots string `json:"slots"` // independent, cascade or list
	PlaceValue
	Refused     int64           `json:"refused"` // impressions with a number out of range
	Clusters    int             `json:"clusters"`
	MeanStdErr  *float64        `json:"mean_weight_stderr"`
	ClippedMass *float64        `json:"clipped_mass"` // share of all weight above the clip
	Missing     *float64        `json:"missing"`      // of the policy's choices, what the log can never show
	Warnings    []string        `json:"warnings"`
	Positions   []PositionValue `json:"positions"`
}

// PositionValue is a policy's value in one position; 0 is of what came without one.
type PositionValue struct {
	Position int `json:"position"`
	PlaceValue
}

// PlaceValue is what all values have.
type PlaceValue struct {
	N          int64               `json:"n"` // impressions
	ESS        *float64            `json:"ess"`
	MeanWeight *float64            `json:"mean_weight"`
	MaxWeight  *float64            `json:"max_weight"`
	Estimates  map[string]Estimate `json:"estimates"` // by estimator: logged, ips, ips_clipped, snips, snips_clipped, dm, dr, sndr
}

// Estimate is a reward per impression, with intervals of 95 %.
type Estimate struct {
	Value         *float64 `json:"value"`
	StdErr        *float64 `json:"stderr"`
	Low           *float64 `json:"low"`
	High          *float64 `json:"high"`
	BootstrapLow  *float64 `json:"bootstrap_low,omitempty"`
	BootstrapHigh *float64 `json:"bootstrap_high,omitempty"`
}

// Evaluator tells what policies would have earned lately.
type Evaluator interface {
	OffPolicy() OffPolicy
}

func (a *API) getOffPolicy(w *response, _ *http.Request) error {
	if a.rooms.Evaluator == nil {
		return fmt.Errorf("off-policy evaluation is off (see off_policy in the configuration), or left to the trainer of this server: %w", ErrUnavailable)
	}
	return w.json(http.StatusOK, a.rooms.Evaluator.OffPolicy())
}
