package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

func TestThePageReportsAChoiceAndShowsTheListAfterIt(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.PageUsers = []string{"u1"} })
	w.ranked = pageLists(w)
	page := openPage(t, w)

	page.until(`document.querySelectorAll("#list li").length === 3`)
	page.until(`document.querySelector("#list .about").textContent.includes("tag39")`)
	page.until(`document.querySelector("#metrics").textContent.includes("0.7300")`)
	for _, want := range []string{"Nothing is taken in: 3 MiB of the disk are free, 64 MiB are needed.", "compared with its digests", "kafka:behaviour, partition 1: held, the disk is full."} {
		if got := page.text("#metrics"); !strings.Contains(got, want) {
			t.Errorf("the strip lacks %q: %s", want, got)
		}
	}
	if about := page.text("#list"); strings.Contains(about, "[object") {
		t.Errorf("the list shows what is no text: %s", about)
	}
	if explored := page.text("#list li:nth-child(2) .channels"); !strings.Contains(explored, "explored") {
		t.Errorf("the explored place is marked %q", explored)
	}
	page.run(`document.querySelector("#list .why").click()`)
	page.until(`document.querySelector("#list .reasons td")`)
	for _, want := range []string{"click: p = 0.0830", "0.910", "user_last2 values+0.40", "categoryyes", "user_ctr_5m0.4000.700+0.28", "bias"} {
		if got := page.text("#list .reasons"); !strings.Contains(got, want) {
			t.Errorf("the reasons lack %q: %s", want, got)
		}
	}

	page.run(`document.querySelector("#known summary").click()`)
	page.until(`document.querySelector("#known td")`)
	if known := page.text("#known table"); !strings.Contains(known, "clicks_1h3.000") || !strings.Contains(known, "latelyi9") {
		t.Errorf("of the user is known %q", known)
	}

	page.run(`document.querySelector("#list li:nth-child(2) .choose").click()`)
	page.until(`document.querySelector("#say").textContent.includes("places changed")`)
	if said := page.text("#say"); !strings.Contains(said, "i2 got its click and moved to 3: seen") {
		t.Errorf("the page said %q", said)
	}
	if first := page.text("#list li:nth-child(1)"); !strings.Contains(first, "▲ 2 up") {
		t.Errorf("the first place is %q", first)
	}
	var got []string
	for _, rec := range w.records() {
		if rec.Kind == event.KindEvent {
			got = append(got, fmt.Sprint(rec.Event.Type, " ", rec.Event.Item, " ", rec.Event.Position))
		}
	}
	if want := "exposure i1 1, exposure i2 2, click i2 2"; strings.Join(got, ", ") != want {
		t.Errorf("posted %s, want %s", strings.Join(got, ", "), want)
	}
}

func TestThePageAsksForAKeyWhenTheServerDoes(t *testing.T) {
	w := newWorld(t, withKeys(Key{Name: "all", Key: "0123456789abcdef", Roles: RoleAdmin}))
	page := openPage(t, w)
	page.until(`document.querySelector("#say.bad")?.textContent.includes("asks for a key")`)
	page.until(`document.querySelector("#access").open && document.activeElement.id === "key"`)
	page.run(`document.querySelector("#key").value = "0123456789abcdef"; document.querySelector("#who").requestSubmit()`)
	page.until(`document.querySelectorAll("#list li").length === 2`)
}

// pageLists answers with items in the order of their ids until something was clicked; then i3 comes first, and i2 last.
func pageLists(w *world) func(rank.Request) rank.List {
	return func(req rank.Request) rank.List {
		l := sampleList(req)
		l.Items = []rank.Ranked{
			{Item: "i1", Score: 0.083, Propensity: 0.91, Channels: []string{"similar"}, Explain: pageReasons(0.083)},
			{Item: "i2", Score: 0.05, Propensity: 0.01, Channels: []string{"trending"}, Explain: pageReasons(0.05, rank.RuleExplored)},
			{Item: "i3", Score: 0.07, Propensity: 0.91, Channels: []string{"newest"}, Explain: pageReasons(0.07)},
		}
		if slices.ContainsFunc(w.records(), func(r event.Record) bool { return r.Kind == event.KindEvent && r.Event.Type == "click" }) {
			l.Items = []rank.Ranked{l.Items[2], l.Items[0], l.Items[1]}
			l.Items[2].Explain = pageReasons(0.05, rank.RuleDemoted)
		}
		for i := range l.Items {
			if l.Items[i].Position = i + 1; !req.Explain {
				l.Items[i].Explain = nil
			}
		}
		return l
	}
}

func pageReasons(p float64, rules ...string) *rank.Explanation {
	return &rank.Explanation{Rules: rules, Heads: map[string]rank.HeadExplanation{"click": {P: p, Bias: -1.2, Contributions: []rank.Contribution{
		{Feature: "user_last", Value: 1, Weight: 0.3, Product: 0.3},
		{Feature: "user_ctr_5m", Value: 0.4, Weight: 0.7, Product: 0.28},
		{Feature: "user_last", Value: 1, Weight: 0.1, Product: 0.1},
		{Feature: "category", Value: 1, Weight: 0.1, Product: 0.1},
	}}}}
}
