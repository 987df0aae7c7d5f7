package config

import (
	"fmt"
	"net/url"
	"time"
)

// Pattern declares a sequence of events that is looked for under each key of its scope, and what comes of a match. See
// docs/patterns.md.
type Pattern struct {
	Name   string        `yaml:"name"`
	Scope  Strings       `yaml:"scope"`  // as of a feature: one matcher for each key
	Within time.Duration `yaml:"within"` // between the first event of a match and its last, exclusive
	Order  string        `yaml:"order"`  // arrival or event_time; arrival
	Skip   string        `yaml:"skip"`   // past_last, to_next or none; past_last
	Runs   int           `yaml:"runs"`   // unfinished matches of one key; 64
	Steps  []Step        `yaml:"steps"`
	Emit   Emit          `yaml:"emit"`
}

// Step is one step of a pattern. It has exactly one of the four selections.
type Step struct {
	Name          string    `yaml:"name"`            // by which expressions speak of it
	On            Selection `yaml:"on"`              // of the first step
	Next          Selection `yaml:"next"`            // the very next event of the key
	FollowedBy    Selection `yaml:"followed_by"`     // others may stand between
	NotFollowedBy Selection `yaml:"not_followed_by"` // must not come before the next step or, as the last, within the time
	Times         int       `yaml:"times"`           // so many events; 1
	Consecutive   bool      `yaml:"consecutive"`     // with times: with no other event of the key between them; false
}

// Emit is what comes of a match.
type Emit struct {
	Feature EmitFeature `yaml:"feature"`
	Event   EmitEvent   `yaml:"event"`
	Webhook Webhook     `yaml:"webhook"`
}

// EmitFeature is a number with the pattern's name; there is one where something is said.
type EmitFeature struct {
	TTL time.Duration `yaml:"ttl"` // how long a match shows
	As  string        `yaml:"as"`  // flag, time_since or count; flag
}

// EmitEvent is an event that only features and patterns see; there is one where something is said.
type EmitEvent struct {
	Type  string `yaml:"type"`  // of the event
	Value string `yaml:"value"` // expression over the last event and the steps; absent: none
	From  string `yaml:"from"`  // step whose event lends user, item, session and context; the last
}

// Webhook is told of each match by a signed POST; there is one where something is said.
type Webhook struct {
	URL       string `yaml:"url"`        // http or https
	SecretEnv string `yaml:"secret_env"` // the environment variable with the secret of the signature, at least 16 characters

	secret string
}

// Configured reports whether matches are sent.
func (w *Webhook) Configured() bool { return w.URL != "" || w.SecretEnv != "" }

// Secret is what the environment variable holds.
func (w *Webhook) Secret() []byte { return []byte(w.secret) }

// Outbox rules the sending to webhooks.
type Outbox struct {
	Timeout  time.Duration `yaml:"timeout"`  // of one request; 10s
	Parallel int           `yaml:"parallel"` // requests at a time; 8
	Keep     time.Duration `yaml:"keep"`     // how long an output is tried before it becomes a dead letter; 168h
}

func (k *checker) patterns() {
	names := map[string]bool{}
	for i := range k.c.Patterns {
		p, path := &k.c.Patterns[i], fmt.Sprintf("patterns[%d]", i)
		k.unique(path+".name", p.Name, names)
		if w := &p.Emit.Webhook; w.Configured() {
			u, err := url.Parse(w.URL)
			k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, path+".emit.webhook.url",
				"must be an address such as https://example.com/hook, without a password")
			k.that(w.SecretEnv != "", path+".emit.webhook.secret_env", "is missing: it names the environment variable with the secret of the signature")
			k.that(w.SecretEnv == "" || w.secret == "" || len(w.secret) >= minKeyChars, path+".emit.webhook.secret_env",
				"the secret in %s must have at least %d characters", w.SecretEnv, minKeyChars)
		}
	}
	k.positive("outbox.timeout", k.c.Outbox.Timeout)
	k.within("outbox.parallel", k.c.Outbox.Parallel, 1, 1000)
	k.positive("outbox.keep", k.c.Outbox.Keep)
}

// resolveSecrets reads the secrets of webhooks, which the file leaves to the environment.
func (c *Config) resolveSecrets(over Overrides) (errs Errors) {
	for i := range c.Patterns {
		w := &c.Patterns[i].Emit.Webhook
		if w.SecretEnv == "" {
			continue
		}
		if over.Env != nil {
			w.secret, _ = over.Env(w.SecretEnv)
		}
		if w.secret == "" {
			errs = append(errs, c.Errorf(fmt.Sprintf("patterns[%d].emit.webhook.secret_env", i), "environment variable %s is not set", w.SecretEnv))
		}
	}
	return errs
}
