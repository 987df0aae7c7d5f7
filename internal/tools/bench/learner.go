package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"recsvc/internal/model"
	"recsvc/internal/synthetic"
	"recsvc/internal/tools/race"
)

// contest is one learner over one set, with what is expected of it.
type contest struct {
	runner                race.Runner
	speed                 goal // examples a second of CPU
	logLoss, auc, nonZero goal
	peer                  string // its like in bench/peers
}

// lr is the logistic regression of the figures.
var lr = model.Hyper{Alpha: 0.1}

// fm8 is the factorization machine of the figures.
var fm8 = model.Hyper{Alpha: 0.1, Factors: 8, Latent: model.Rates{Alpha: 0.07, Beta: 2}, Spread: 0.03}

var onSynthetic = []contest{
	{runner: race.Runner{Name: "LR in bulk", Hyper: lr, Bulk: true}, speed: atLeast(1_500_000), logLoss: atMost(0.3183), auc: noGoal, nonZero: noGoal},
	{runner: race.Runner{Name: "LR", Hyper: lr}, speed: atLeast(1_100_000), logLoss: atMost(0.3183), auc: noGoal, nonZero: noGoal, peer: "vw-ftrl"},
	{
		runner: race.Runner{Name: "LR, L1 1", Hyper: model.Hyper{Alpha: 0.1, L1: 1}},
		speed:  noGoal, logLoss: atMost(0.3185), auc: noGoal, nonZero: atMost(120_000), peer: "vw-ftrl-l1",
	},
	{
		runner: race.Runner{Name: "FM, k=8", Learner: "fm", Hyper: fm8},
		speed:  atLeast(350_000), logLoss: atMost(0.3147), auc: noGoal, nonZero: noGoal,
	},
	{
		runner: race.Runner{Name: "FM, k=8, in bulk", Learner: "fm", Hyper: fm8, Bulk: true},
		speed:  atLeast(350_000), logLoss: atMost(0.3147), auc: noGoal, nonZero: noGoal,
	},
	{
		runner: race.Runner{Name: "LR with the five crosses found", Hyper: lr, Pairs: synthetic.Pairs[:]},
		speed:  noGoal, logLoss: atMost(0.308), auc: noGoal, nonZero: noGoal,
	},
}

var onKuaiRand = []contest{
	{runner: race.Runner{Name: "LR, α .1, β 1", Hyper: lr}, speed: noGoal, logLoss: noGoal, auc: noGoal, nonZero: noGoal, peer: "vw-ftrl"},
	{
		runner: race.Runner{Name: "LR, α .085, β .03", Hyper: model.Hyper{Alpha: 0.085, Beta: 0.03}},
		speed:  noGoal, logLoss: atMost(0.6016), auc: noGoal, nonZero: noGoal, peer: "vw",
	},
	{
		runner: race.Runner{
			Name: "two LRs, β .05, α .05 and .15, the mean of their logits", Hyper: model.Hyper{Alpha: 0.05, Beta: 0.05},
			Others: []model.Hyper{{Alpha: 0.15, Beta: 0.05}},
		},
		speed: noGoal, logLoss: atMost(0.6016), auc: atLeast(0.726), nonZero: noGoal,
	},
}

// memoryBoundExamples take a second or so.
const memoryBoundExamples = 2_000_000

// learners takes the figures of the learner by itself, on one core, beside its peers where they are installed.
func (b *bench) learners(ctx context.Context) error {
	if !b.opts.runs("learner") {
		return nil
	}
	b.say("making the sets of exposures")
	kuairand, err := race.KuaiRand(filepath.Join(b.opts.shared, "data", "kuairand"))
	if err != nil {
		return err
	}
	made := race.Synthetic(int(b.opts.scaled(synthetic.Usual)))
	if made.Len() < synthetic.Usual {
		b.note("The synthetic stream was cut to %d examples: its log-losses are not those of the goals.", made.Len())
	}
	for i := range b.opts.repeats {
		b.say("the memory alone, repeat %d of %d", i+1, b.opts.repeats)
		b.figures.add("the machine: updates of (z, n) alone, 20 even slots of 2^22", "examples/s", noGoal, race.MemoryBound(memoryBoundExamples))
		for _, set := range []struct {
			*race.Set
			contests []contest
		}{{made, onSynthetic}, {kuairand, onKuaiRand}} {
			if err := b.contend(ctx, set.Set, set.contests, i == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// contend runs ours and, once, the peers over a set.
func (b *bench) contend(ctx context.Context, set *race.Set, contests []contest, peers bool) error {
	ours := map[string]float64{} // examples a second, by peer
	for _, c := range contests {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.say("%s over %s", c.runner.Name, set.Name)
		r, err := c.runner.Run(set)
		if err != nil {
			return fmt.Errorf("%s over %s: %w", c.runner.Name, set.Name, err)
		}
		name := set.Name + ", " + c.runner.Name
		b.figures.add(name+", examples for a second of CPU", "examples/s", c.speed, r.PerSecond())
		b.figures.add(name+", log-loss", "", c.logLoss, r.LogLoss)
		b.figures.add(name+", AUC", "", c.auc, r.AUC)
		b.figures.add(name+", weights that are not 0", "", c.nonZero, float64(r.NonZero))
		ours[c.peer] = r.PerSecond()
	}
	if !peers {
		return nil
	}
	return b.peers(ctx, set, ours)
}

// peerPython is where bench/peers/setup.sh has installed the peers.
const peerPython = "bench/peers/.venv/bin/python"

// peerResult is a line of bench/peers/learners.py.
type peerResult struct {
	Name         string
	Examples     int
	CPU          float64
	LogLoss, AUC float64
	NonZero      int
}

// peers adds what others reach on the same set, and how many times faster ours of the same kind are.
func (b *bench) peers(ctx context.Context, set *race.Set, ours map[string]float64) error {
	if _, err := os.Stat(peerPython); err != nil {
		b.note("Peers were not run: bench/peers/setup.sh installs Vowpal Wabbit and River.")
		return nil
	}
	file := filepath.Join(b.work, set.Name+".vw")
	if err := writeSet(file, set); err != nil {
		return err
	}
	b.say("peers over %s", set.Name)
	cmd := exec.CommandContext(ctx, peerPython, "bench/peers/learners.py", file)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("peers over %s: %w\n%s", set.Name, err, errs.Bytes())
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var p peerResult
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return fmt.Errorf("peers over %s: %q: %w", set.Name, lines.Bytes(), err)
		}
		name := fmt.Sprintf("%s, %s", set.Name, p.Name)
		if p.Examples < set.Len() {
			name = fmt.Sprintf("%s, first %d", name, p.Examples)
		}
		speed := float64(p.Examples) / p.CPU
		b.figures.add(name+", examples for a second of CPU", "examples/s", noGoal, speed)
		b.figures.add(name+", log-loss", "", noGoal, p.LogLoss)
		b.figures.add(name+", AUC", "", noGoal, p.AUC)
		b.figures.add(name+", weights that are not 0", "", noGoal, float64(p.NonZero))
		if mine, ok := ours[p.Name]; ok {
			b.figures.add(fmt.Sprintf("%s, ours over %s, examples for a second of CPU", set.Name, p.Name), "times", atLeast(1), mine/speed)
		}
	}
	return nil
}

func writeSet(file string, set *race.Set) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return set.WriteVW(f)
}
