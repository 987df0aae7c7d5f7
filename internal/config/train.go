package config

import (
	"slices"
	"time"
)

// Train says whether a server makes a challenger anew from its whole log from time to time, as recsvc train does.
type Train struct {
	Every  time.Duration `yaml:"every"`  // from the end of one training to the start of the next; 0: never
	Model  string        `yaml:"model"`  // the one to train; absent: the only challenger
	Passes int           `yaml:"passes"` // over all that there is to learn; 2
}

func defaultTrain() Train { return Train{Passes: 2} }

func (k *checker) train() {
	t := &k.c.Train
	k.within("train.passes", t.Passes, 1, 100)
	if t.Every == 0 {
		return
	}
	k.that(t.Every >= time.Minute && t.Every <= 366*24*time.Hour, "train.every", "must be 0, which is never, or lie between 1m and 366d")
	k.that(len(k.c.Kafka.Brokers) == 0, "train.every",
		"needs the embedded log from its beginning, and with kafka.brokers the log is a topic, of which nobody knows whether it still has everything: leave it out")
	if t.Model == "" {
		n := 0
		for _, m := range k.c.Models {
			if m.Role == "challenger" {
				n++
			}
		}
		k.that(n == 1, "train.every", "there are %d challengers: name the one to train in train.model", n)
		return
	}
	at := slices.IndexFunc(k.c.Models, func(m Model) bool { return m.Name == t.Model })
	if at < 0 {
		var names []string
		for _, m := range k.c.Models {
			names = append(names, m.Name)
		}
		k.that(false, "train.model", "there is no model %s; %s", quote(t.Model), orKnown(t.Model, names))
		return
	}
	k.that(k.c.Models[at].Role != roleChampion, "train.model",
		"%s is the champion, whose weights people are served by: declare a challenger with the same heads, and name that", quote(t.Model))
}
