package race

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsvc/internal/model"
)

func TestTheLogisticRegressionReachesTheLossOfOtherImplementations(t *testing.T) {
	r, err := Runner{Name: "lr", Hyper: model.Hyper{Alpha: 0.1}}.Run(Synthetic(100_000))
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.LogLoss-0.2525) > 0.0005 || r.AUC < 0.6 || r.NonZero < 50_000 || r.CPU <= 0 || r.Examples != 100_000 {
		t.Errorf("%+v, want a log-loss of .2525", r)
	}
}

func TestLearningInBulkGivesTheSamePredictions(t *testing.T) {
	s := Synthetic(5_000 + 1)
	each := Runner{Learner: "fm", Hyper: model.Hyper{Alpha: 0.05, Factors: 3}, Pairs: [][2]int{{0, 1}}}
	bulk := each
	bulk.Bulk = true
	one, err := each.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	many, err := bulk.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	if one.CPU, many.CPU = 0, 0; one != many || one.NonZero == 0 {
		t.Errorf("%+v in bulk, %+v one by one", many, one)
	}
}

func TestHeadsThatLearnTheSamePredictTheMeanOfTheirLogits(t *testing.T) {
	s := Synthetic(5_000)
	one, err := Runner{Hyper: model.Hyper{Alpha: 0.05}}.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	same, err := Runner{Hyper: model.Hyper{Alpha: 0.05}, Others: []model.Hyper{{Alpha: 0.05}}}.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(same.LogLoss-one.LogLoss) > 1e-9 {
		t.Errorf("twice the same learner has a log-loss of %v, once %v", same.LogLoss, one.LogLoss)
	}
	both, err := Runner{Hyper: model.Hyper{Alpha: 0.05}, Others: []model.Hyper{{Alpha: 0.2}}}.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	if both.LogLoss == one.LogLoss {
		t.Error("a second head has no effect")
	}
}

func TestCrossesHaveSlotsOfTheirOwn(t *testing.T) {
	h := newHasher(3, [][2]int{{0, 1}, {1, 2}})
	seen, slots := map[uint32]bool{}, make([]uint32, h.width())
	h.slots(slots, []uint32{5, 5, 5})
	for _, slot := range slots {
		seen[slot] = true
	}
	h.slots(slots, []uint32{5, 5, 6})
	for _, slot := range slots[3:] {
		seen[slot] = true
	}
	if len(seen) != 6 { // three fields, two crosses, and the second one anew
		t.Errorf("%d different slots, want 6", len(seen))
	}
}

func TestJudgementOfAFewPredictions(t *testing.T) {
	logLoss, auc := judge([]float64{0.1, 0.4, 0.4, 0.8}, []bool{false, true, false, true})
	want := -(math.Log(0.9) + math.Log(0.4) + math.Log(0.6) + math.Log(0.8)) / 4
	if math.Abs(logLoss-want) > 1e-15 || auc != 3.5/4 {
		t.Errorf("log-loss %v and AUC %v, want %v and %v", logLoss, auc, want, 3.5/4)
	}
}

func TestSetsAreWrittenForVowpalWabbit(t *testing.T) {
	var b strings.Builder
	s := &Set{Fields: 2, IDs: []uint32{7, 0, 8, 12}, Labels: []bool{true, false}}
	if err := s.WriteVW(&b); err != nil {
		t.Fatal(err)
	}
	if want := "1 |a 7 |b 0\n-1 |a 8 |b 12\n"; b.String() != want {
		t.Errorf("written %q, want %q", b.String(), want)
	}
}

func TestFieldsOfKuaiRand(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "data", "kuairand")
	if os.Getenv("SYNTHETIC") != "long" {
		t.Skip("SYNTHETIC=long reads the data set beside the project")
	}
	s, err := KuaiRand(dir)
	if err != nil {
		t.Fatal(err)
	}
	positives := 0
	for _, y := range s.Labels {
		if y {
			positives++
		}
	}
	if s.Len() != 222_444 || positives != 100_008 {
		t.Errorf("%d exposures, %d positive", s.Len(), positives)
	}
	values := map[uint32]bool{}
	for _, id := range s.IDs {
		values[id] = true
	}
	if len(values) != 220_135 {
		t.Errorf("%d values", len(values))
	}
}

func TestTheLimitOfTheMachineIsMeasured(t *testing.T) {
	if x := MemoryBound(1000); !(x > 0) || math.IsInf(x, 0) {
		t.Errorf("%v examples a second", x)
	}
}
