package main

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/ope"
)

// evaluator estimates what other policies would have earned, from what is served meanwhile. It looks on while the engine works and is no part of
// its state: after a restart it begins anew.
type evaluator struct {
	config    config.OffPolicy
	target    string // model/head
	names     []string
	collector *ope.Collector
	window    *ope.Window

	value, stderr, ess, impressions *prometheus.Desc
}

// newEvaluator returns one as configured; nil: it is off.
func newEvaluator(c *config.Config) (*evaluator, error) {
	o := c.OffPolicy
	if !o.Enabled {
		return nil, nil
	}
	e := &evaluator{config: o, names: offPolicies(c)}
	opts := ope.CollectorOptions{Epsilon: epsilons(c), Pending: o.Pending}
	var err error
	if opts.Reward, e.target, err = rewardHead(c, o.Reward); err != nil {
		return nil, c.Errorf("off_policy.reward", "%v", err)
	}
	for i, text := range e.names {
		p, err := parsePolicy(c, text, nil)
		if err != nil {
			return nil, c.Errorf(fmt.Sprintf("off_policy.policies[%d]", i), "%v", err)
		}
		opts.Policies = append(opts.Policies, p)
	}
	if e.window, err = ope.NewWindow(len(opts.Policies), ope.WindowOptions{Span: o.Window, Clip: o.Clip}); err != nil {
		return nil, c.Errorf("off_policy", "%v", err)
	}
	opts.Take = e.window.Add
	if e.collector, err = ope.NewCollector(opts); err != nil {
		return nil, c.Errorf("off_policy", "%v", err)
	}
	e.describe()
	return e, nil
}

// offPolicies are the policies to evaluate: those configured, or what any server can tell of.
func offPolicies(c *config.Config) []string {
	if len(c.OffPolicy.Policies) > 0 {
		return c.OffPolicy.Policies
	}
	texts := []string{policyUniform, policyServed + ":greedy"}
	for i := range c.Models {
		texts = append(texts, c.Models[i].Name)
	}
	return texts
}

// OffPolicy implements api.Evaluator.
func (e *evaluator) OffPolicy() api.OffPolicy {
	out := api.OffPolicy{
		Reward: e.target, WindowSeconds: e.config.Window.Seconds(), Pending: e.collector.Pending(), Policies: []api.PolicyValue{},
	}
	for i, name := range e.names {
		out.Policies = append(out.Policies, policyValue(name, e.window.Evaluation(i), ope.Bootstrap{}))
	}
	return out
}

func (e *evaluator) describe() {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("recsvc_ope_"+name, help, append([]string{"policy"}, labels...), nil)
	}
	e.value = desc("value", "Estimated reward per impression of a policy, slots independent, over off_policy.window.", "estimator")
	e.stderr = desc("stderr", "Standard error of recsvc_ope_value, by user.", "estimator")
	e.ess = desc("effective_samples", "Effective sample size behind recsvc_ope_value.")
	e.impressions = desc("impressions", "Impressions in off_policy.window: evaluated, or passed over.", "outcome")
}

// Describe implements prometheus.Collector.
func (e *evaluator) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.value, e.stderr, e.ess, e.impressions} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (e *evaluator) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, x float64, labels ...string) {
		if x-x == 0 { // what is not defined is not exported
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
		}
	}
	for i, name := range e.names {
		of := e.window.Evaluation(i)
		t := of.Tally(ope.Independent)
		for _, v := range t.Estimates(ope.Bootstrap{}) {
			gauge(e.value, v.Value, name, v.Name)
			gauge(e.stderr, v.StdErr, name, v.Name)
		}
		gauge(e.ess, t.Overlap().ESS, name)
		skipped := int64(0)
		for _, s := range ope.Skips() {
			skipped += of.Skipped(s)
		}
		gauge(e.impressions, float64(t.N()), name, "evaluated")
		gauge(e.impressions, float64(skipped), name, "skipped")
	}
}
