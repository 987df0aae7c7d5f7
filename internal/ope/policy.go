package ope

import "fmt"

// Kind says what a policy goes by.
type Kind uint8

// The kinds of policy.
const (
	Uniform     Kind = iota + 1 // each candidate with the same probability
	Served                      // the scores that lists were ranked by, under another rule
	ByModel                     // the predictions of a model at capture
	ByFrequency                 // how often another log has shown an item in a position
)

// Policy is one that is evaluated.
type Policy struct {
	Name  string
	Kind  Kind
	Rule  Rule                      // of Served and ByModel
	Score func(p []float32) float64 // of ByModel: what a candidate is ranked by, from the predictions of all heads
	Table *Frequencies              // of ByFrequency
}

func (p *Policy) check() error {
	switch {
	case p.Name == "":
		return fmt.Errorf("ope: a policy has no name")
	case p.Kind < Uniform || p.Kind > ByFrequency:
		return fmt.Errorf("ope: policy %q: kind %d is unknown", p.Name, p.Kind)
	case p.Kind == ByModel && p.Score == nil:
		return fmt.Errorf("ope: policy %q: nothing to rank by", p.Name)
	case p.Kind == ByFrequency && (p.Table == nil || p.Table.N() == 0):
		return fmt.Errorf("ope: policy %q: the log that it is to follow shows nothing", p.Name)
	}
	if err := p.Rule.Check(); err != nil {
		return fmt.Errorf("policy %q: %w", p.Name, err)
	}
	return nil
}

// rule is the one that the policy's scores go through: uniform is all exploration.
func (p *Policy) rule() Rule {
	if p.Kind == Uniform {
		return Rule{Epsilon: 1}
	}
	return p.Rule
}
