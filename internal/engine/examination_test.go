package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
	"recsvc/internal/examination"
	"recsvc/internal/feedback"
)

// lookedAt is how likely the four positions of a list are looked at, by device.
var lookedAt = map[string][4]float64{"phone": {1, .5, .3, .2}, "desk": {1, .9, .8, .7}}

// shownLists is a log of lists of four items: those that were served have a pair exchanged, the others were drawn and say so.
func shownLists(lists int) (log []event.Record) {
	rng := rand.New(rand.NewPCG(5, 5))
	now := at(0)
	devices := []string{"phone", "desk"}
	for list := range lists {
		now += event.Time(2 * time.Second)
		request, device := fmt.Sprint("r", list), devices[list%2]
		context := event.Attributes{{Key: "device", Value: event.Value{Kind: event.String, Str: device}}}
		relevant := [4]float64{.8, .6, .5, .4}
		drawn := list%4 >= 2
		if drawn {
			rng.Shuffle(4, func(i, j int) { relevant[i], relevant[j] = relevant[j], relevant[i] })
			context = append(context, event.Attribute{Key: "order", Value: event.Value{Kind: event.String, Str: "random"}})
		} else {
			i, j := rng.IntN(3), 3
			if rng.IntN(2) == 0 {
				relevant[i], relevant[j] = relevant[j], relevant[i]
			}
			served := &event.Served{Request: request, User: "ann", Scene: "home", Time: now, Context: context, Swap: [2]int32{int32(i + 1), int32(j + 1)}}
			for k := range relevant {
				served.Items = append(served.Items, event.ServedItem{Item: fmt.Sprintf("i%.1f", relevant[k]), Propensity: .5})
			}
			log = append(log, event.Record{Kind: event.KindServed, Received: now, Served: served})
			context = nil
		}
		for k := range relevant {
			e := event.Event{Type: "exposure", User: "ann", Item: fmt.Sprintf("i%.1f", relevant[k]), Request: request, Position: int32(k + 1), Time: now, Context: context}
			log = append(log, event.Record{Kind: event.KindEvent, Received: now, Event: &e})
		}
		for k := range relevant {
			if rng.Float64() < relevant[k]*lookedAt[device][k] {
				e := event.Event{Type: "click", User: "ann", Item: fmt.Sprintf("i%.1f", relevant[k]), Request: request, Time: now + event.Time(time.Second)}
				log = append(log, event.Record{Kind: event.KindEvent, Received: now, Event: &e})
				dwell := e
				dwell.Type, dwell.Value, dwell.HasValue = "dwell", 12, true
				log = append(log, event.Record{Kind: event.KindEvent, Received: now, Event: &dwell})
			}
		}
	}
	return place(nil, log...)
}

// openExamined opens a rig that estimates positions and weighs impressions.
func openExamined(t *testing.T, dir string, method examination.Method, change ...func(*Options)) *rig {
	t.Helper()
	parts := rigParts(t, definitions())
	parts.Examination = must(examination.New(examination.Options{Method: method, Positions: 4, HalfLife: 1000 * time.Hour, MinWeight: 200}))(t)
	parts.Weights = must(examination.NewWeights(examination.WeightOptions{ShownClip: 10, Popularity: .5, Normalise: true}))(t)
	return must(tryRigWith(t, dir, parts, append(change, func(o *Options) {
		o.Feedback.Heads[0].Examination = feedback.ExaminePBM
		o.Examination = Examination{Layout: "device", Drawn: "order", Is: "random", Scenes: []string{"home"}}
	})...))(t)
}

// reportOf is what is known of a scene's layout.
func reportOf(t *testing.T, r *rig, scene, layout string) examination.Report {
	t.Helper()
	all := r.Positions()
	i := slices.IndexFunc(all, func(r examination.Report) bool { return r.Scene == scene && r.Layout == layout })
	if i < 0 {
		t.Fatalf("nothing is known of scene %q, layout %q: %+v", scene, layout, all)
	}
	return all[i]
}

func TestPositionsAreEstimatedByDeviceFromSwapsAndFromListsThatWereDrawn(t *testing.T) {
	r := openExamined(t, t.TempDir(), examination.Swaps)
	out := r.run(shownLists(8000))
	for _, scene := range []string{"home", ""} { // that of lists that were served, and of those ranked elsewhere
		for device, want := range lookedAt {
			report := reportOf(t, r, scene, device)
			for k, e := range report.Of(examination.Swaps) {
				if e.Low > want[k]+1e-9 || e.High < want[k]-1e-9 {
					if z := math.Abs(math.Log(e.Theta/want[k])) / (math.Log(e.High/e.Theta) / 1.96); z > 3.5 {
						t.Errorf("scene %q, %s: θ of position %d is %.3f (%.3f to %.3f), want %v", scene, device, k+1, e.Theta, e.Low, e.High, want[k])
					}
				}
				if e.Effective < 500 {
					t.Errorf("scene %q, %s: %v effective outcomes at position %d", scene, device, e.Effective, k+1)
				}
			}
			if theta := report.Force[3]; math.Abs(float64(theta)-want[3]) > .15 {
				t.Errorf("scene %q, %s: in force is %v, want about %v", scene, device, theta, want[3])
			}
		}
	}
	if n := r.Parts.Examination.Counters(); n.Drawn == 0 || n.Refused != 0 || out.heads[0].N == 0 {
		t.Errorf("counters %+v", n)
	}
	if w := r.Weights.Report(); w.N != float64(out.joined.Exposures) || w.Effective >= w.N || w.Effective < w.N/10 {
		t.Errorf("weights %+v of %d exposures", w, out.joined.Exposures)
	}
	if n := testutil.CollectAndCount(NewExaminationCollector(r.Engine), "recsvc_examination_theta"); n != 4*4*3 {
		t.Errorf("%d estimates are exported, want those of 4 groups, 4 positions and 3 methods", n)
	}
}

func TestARestartChangesNothingOfWhatIsEstimated(t *testing.T) {
	for _, method := range []examination.Method{examination.Fixed, examination.Swaps, examination.Harvest, examination.EM} {
		t.Run(method.String(), func(t *testing.T) {
			log := shownLists(900)
			want := openExamined(t, t.TempDir(), method).run(log)
			dir := t.TempDir()
			for _, part := range []int{len(log) / 3, len(log) / 2, len(log)} {
				r := openExamined(t, dir, method)
				got := r.run(log[:part], 7, 50)
				if part == len(log) {
					got.sameAs(t, want)
				}
			}
		})
	}
}

func TestWhatIsInForceIsWhatIsLearnedBy(t *testing.T) {
	log := shownLists(3000)
	by := map[examination.Method]outcomeOf{}
	for _, method := range []examination.Method{examination.Fixed, examination.Swaps} {
		by[method] = openExamined(t, t.TempDir(), method).run(log)
	}
	fixed, swaps := by[examination.Fixed].heads[0], by[examination.Swaps].heads[0]
	if fixed.N != swaps.N || fixed.Positives != swaps.Positives {
		t.Fatalf("other outcomes: %+v and %+v", fixed, swaps)
	}
	if !(swaps.LogLoss < fixed.LogLoss-.005) {
		t.Errorf("log-loss of clicks by θσ: with θ estimated %.4f, with θ = 1 everywhere %.4f", swaps.LogLoss, fixed.LogLoss)
	}
}

func TestEMIsRefusedBesideATap(t *testing.T) {
	parts := rigParts(t, definitions())
	parts.Examination = must(examination.New(examination.Options{Method: examination.EM}))(t)
	_, err := tryRigWith(t, t.TempDir(), parts, func(o *Options) { o.Tap = silentTap{} })
	wantError(t, err, "θ by em needs predictions")
}

// silentTap takes everything and tells nothing.
type silentTap struct{ Tap }
