package config

import "time"

// Rank holds the ranking policies. A scene named default always exists.
type Rank struct {
	Scenes map[string]Scene `yaml:"scenes"`
}

// Scene is one ranking policy.
type Scene struct {
	Channels   []Channel     `yaml:"channels"`   // where candidates come from; all four
	MinPool    int           `yaml:"min_pool"`   // filled up from the catalogue to this many; 100
	Seeds      int           `yaml:"seeds"`      // recent positives that similar starts from; 10
	Categories int           `yaml:"categories"` // recent categories that categories draws on; 3
	Window     time.Duration `yaml:"window"`     // of trending; 24h
	ScanLimit  int           `yaml:"scan_limit"` // items looked at, at most, when filling up; 10000
	Epsilon    float64       `yaml:"epsilon"`    // probability of a uniform draw in each slot; 0.05
	Swap       Swap          `yaml:"swap"`
	Budget     time.Duration `yaml:"budget"` // most that one list may take; 100ms
	Seen       Seen          `yaml:"seen"`
}

// Swap is an experiment that shows how much positions are looked at: in a share of the lists one pair of positions is exchanged with
// probability ½.
type Swap struct {
	Share     float64 `yaml:"share"`     // of the lists that take part, which explore nothing; 0: off
	Positions int     `yaml:"positions"` // the pair is drawn of the first so many; 10
}

// Channel is one way to find candidates.
type Channel struct {
	Name  string `yaml:"name"`  // similar, trending, categories or new
	Quota int    `yaml:"quota"` // most that it brings; 50
}

// Seen says what happens to items that the user has already met.
type Seen struct {
	Policy string        `yaml:"policy"` // off, demote or hide; demote
	Times  int           `yaml:"times"`  // exposures after which an item counts as seen; 0: exposures alone never do; 3
	Within time.Duration `yaml:"within"` // how long it stays seen; 0: as long as remembered; 24h
	Acted  bool          `yaml:"acted"`  // an item acted upon counts as seen at once; true
}

// Recall bounds what the recall channels remember, and says what counts as interest.
type Recall struct {
	Enabled    bool               `yaml:"enabled"`    // keep what recall and profiles read; false: for those who read features only; true
	Weights    map[string]float64 `yaml:"weights"`    // popularity of an event, by type; above 0 it also counts as interest; absent: a built-in table
	HalfLives  []time.Duration    `yaml:"half_lives"` // decays of the trending scores; 1h, 24h, 7d
	History    int                `yaml:"history"`    // a user's last items that a new one is paired with; 10
	Neighbours int                `yaml:"neighbours"` // co-visited items kept per item; 64
	Seen       int                `yaml:"seen"`       // items remembered as seen, per user; 256
	Recent     int                `yaml:"recent"`     // events remembered, per user; 50
	SubRows    int                `yaml:"sub_rows"`   // keys of a tuple scope kept per user or item; 128
}

func defaultRecall() Recall {
	return Recall{
		Enabled:    true,
		HalfLives:  []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour},
		History:    10,
		Neighbours: 64,
		Seen:       256,
		Recent:     50,
		SubRows:    128,
	}
}

func (s *Scene) setDefaults() {
	*s = Scene{
		Channels: []Channel{
			{Name: "similar", Quota: 80}, {Name: "trending", Quota: 50},
			{Name: "categories", Quota: 50}, {Name: "new", Quota: 20},
		},
		MinPool:    100,
		Seeds:      10,
		Categories: 3,
		Window:     24 * time.Hour,
		ScanLimit:  10_000,
		Epsilon:    0.05,
		Swap:       Swap{Positions: 10},
		Budget:     100 * time.Millisecond,
		Seen:       Seen{Policy: "demote", Times: 3, Within: 24 * time.Hour, Acted: true},
	}
}

func (c *Channel) setDefaults() { c.Quota = 50 }
