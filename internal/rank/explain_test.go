package rank

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestExplanationComesFromTheScoringPass(t *testing.T) {
	s := newStore(40)
	s.named = true
	scorer := byRef(s)
	scorer.weights[biasSlot] = 0.25
	r := newRanker(t, s, scorer, Scene{Name: "default", Recall: []Quota{{ChannelTrending, 40}}})
	plain := rankOnce(t, r, Request{N: 40})
	list := rankOnce(t, r, Request{N: 40, Explain: true})
	if !slices.Equal(ids(plain), ids(list)) {
		t.Fatal("asking why has changed the list")
	}
	for i, it := range list.Items {
		if it.Score != plain.Items[i].Score || plain.Items[i].Explain != nil {
			t.Fatalf("slot %d: got %+v and %+v", i, it, plain.Items[i])
		}
		head := it.Explain.Heads["click"]
		want := []Contribution{
			{"user_ctr", 0.5, 1, 0.5},
			{"item_id", 1, float64(scorer.weights[uint32(s.refs[it.Item])]), float64(scorer.weights[uint32(s.refs[it.Item])])},
		}
		if head.P != 0.25 || head.Bias != -1+0.25 || !slices.Equal(head.Contributions, want) {
			t.Errorf("%s: got %+v, want %+v", it.Item, head, want)
		}
	}
}

func TestExplanationHasTheShapeOfTheContract(t *testing.T) {
	s := newStore(1)
	list := rankOnce(t, newRanker(t, s, byRef(s), Scene{Name: "default", Recall: []Quota{{ChannelTrending, 1}}}), Request{Explain: true})
	got, err := json.Marshal(list.Items[0].Explain)
	want := `{"channels":{"trending":1},"heads":{"click":{"p":0.25,"bias":-1,"contributions":[` +
		`{"feature":"#1073741824","value":0.5,"weight":1,"product":0.5},` +
		`{"feature":"#0","value":1,"weight":0,"product":0}]}},"rules":[]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// silent is a scorer that cannot explain.
type silent struct{ Scorer }

func TestModelThatCannotExplainStillRanks(t *testing.T) {
	s := newStore(5)
	list := rankOnce(t, newRanker(t, s, silent{byRef(s)}), Request{Explain: true})
	for _, it := range list.Items {
		if it.Explain == nil || it.Explain.Heads == nil || len(it.Explain.Heads) != 0 || len(it.Explain.Channels) == 0 {
			t.Errorf("got %+v", it.Explain)
		}
	}
}
