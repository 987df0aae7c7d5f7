package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/eval"
)

// evalPlan is one arm of a comparison.
type evalPlan struct {
	name    string
	config  *config.Config
	refresh time.Duration // of weights; 0: at once
	hold    time.Duration // of features
}

// planEval makes the arms of all points of a grid under all refreshes.
func planEval(c *config.Config, grid, compare string) ([]evalPlan, error) {
	points, err := eval.ParseGrid(grid)
	if err != nil {
		return nil, err
	}
	ways, err := parseCompare(compare)
	if err != nil {
		return nil, err
	}
	if len(points)*len(ways) > eval.MaxPoints {
		return nil, fmt.Errorf("%d settings under %d refreshes are more than %d arms", len(points), len(ways), eval.MaxPoints)
	}
	var plans []evalPlan
	for _, p := range points {
		var settings []config.Setting
		for _, s := range p {
			settings = append(settings, config.Setting(s))
		}
		tuned, err := c.Tuned(settings...)
		if err != nil {
			return nil, err
		}
		for _, w := range ways {
			w.config = tuned
			w.name = armName(p, w.name, compare != "")
			plans = append(plans, w)
		}
	}
	return plans, nil
}

func armName(p eval.Point, way string, compared bool) string {
	switch {
	case len(p) == 0:
		return way
	case !compared:
		return p.String()
	}
	return p.String() + ", " + way
}

// parseCompare reads the refreshes to compare; nothing is online alone.
func parseCompare(text string) (ways []evalPlan, err error) {
	const online = "online"
	if text == "" {
		text = online
	}
	seen := map[string]bool{}
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if seen[word] {
			return nil, fmt.Errorf("-compare: %s is there twice", word)
		}
		seen[word] = true
		if word == online {
			ways = append(ways, evalPlan{name: online})
			continue
		}
		every, err := config.ParseDuration(word)
		if err != nil || every < time.Minute {
			return nil, fmt.Errorf("-compare: %q is neither online nor a time of at least a minute, such as 1h or 24h", word)
		}
		ways = append(ways,
			evalPlan{name: "weights " + word, refresh: every},
			evalPlan{name: "features " + word, hold: every},
			evalPlan{name: "weights and features " + word, refresh: every, hold: every})
	}
	return ways, nil
}

// byHold groups the arms that see the same features, in the order in which they first come.
func byHold(plans []evalPlan) (groups [][]evalPlan) {
	for _, p := range plans {
		i := slices.IndexFunc(groups, func(g []evalPlan) bool { return g[0].hold == p.hold })
		if i < 0 {
			i = len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// inOrder puts what came of the arms into the order of their plans.
func inOrder(plans []evalPlan, entries []eval.Entry) (out []eval.Entry) {
	for _, p := range plans {
		i := slices.IndexFunc(entries, func(e eval.Entry) bool { return e.Arm.Name() == p.name })
		out = append(out, entries[i])
	}
	return out
}

// entry makes the models of a plan.
func (p *evalPlan) entry() (e eval.Entry, err error) {
	live, err := p.learner()
	if err != nil {
		return e, err
	}
	for _, m := range live.Models() {
		published, own := m.Bytes()
		e.TableBytes += published + own
		if p.refresh > 0 {
			e.TableBytes += published
		}
	}
	learner := eval.Learner(eval.Online{Learner: live})
	e.Validation = live.Validation
	if p.refresh > 0 {
		served, err := p.learner()
		if err != nil {
			return e, err
		}
		refreshed := eval.NewRefreshed(live, served, p.refresh)
		learner, e.Validation = refreshed, refreshed.Validation
	}
	e.Arm = eval.NewArm(eval.ArmOptions{Name: p.name, Learner: learner, Thread: threadClock})
	return e, nil
}

func (p *evalPlan) learner() (*engine.Learner, error) {
	models, err := newModels(p.config, nil)
	if err != nil {
		return nil, err
	}
	return engine.NewLearner(models, engine.Options{
		Feedback: feedbackOptions(p.config), Score: engineScores(p.config), Champion: p.config.Champion(),
	})
}
