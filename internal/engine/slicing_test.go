package engine

import (
	"fmt"
	"slices"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// slicedParts are rooms whose heads are sliced.
func slicedParts(t *testing.T, dimensions ...string) Parts {
	t.Helper()
	parts := rigParts(t, definitions())
	parts.Slicer = must(validation.NewSlicer(validation.SlicerOptions{Dimensions: dimensions, Values: 3}))(t)
	sliced := validation.Options{Slicer: parts.Slicer}
	parts.Models = []*model.Model{must(model.New(model.Options{Name: "ctr", Bits: 12, Heads: []model.HeadOptions{
		{Name: "click", Validation: sliced}, {Name: "long_dwell", Validation: sliced},
	}}))(t)}
	return parts
}

// sliceCounts are the slices of a head with how many observations each has.
func sliceCounts(v *validation.Head) (out []string) {
	for _, s := range v.Slices() {
		out = append(out, fmt.Sprintf("%s=%s %d", s.Dimension, s.Value, s.N))
	}
	return out
}

func TestWhatIsShownIsSlicedAsItWasCaptured(t *testing.T) {
	dir := t.TempDir()
	parts := slicedParts(t, "scene", "context.tab", "user.city", "variant")
	r, err := tryRigWith(t, dir, parts)
	if err != nil {
		t.Fatal(err)
	}
	l := r.follow()
	context := func(key string, v event.Value) event.Attributes { return event.Attributes{{Key: key, Value: v}} }
	city := func(name string) event.Record {
		return event.Record{Kind: event.KindUser, Received: start, User: &event.User{ID: "u1", Attrs: context("city", text(name))}}
	}
	shown := func(user string, tab event.Value, at event.Time) event.Record {
		r := behaviour("exposure", user, "i1", at)
		r.Event.Context = context("tab", tab)
		return r
	}
	list := servedRecord("r1", "u1", "home", at(3), event.ServedItem{Item: "i2"})
	list.Served.Variant = "a=b"
	seen := behaviour("exposure", "u1", "i2", at(4))
	seen.Event.Request = "r1"
	l.append(itemRecord("i1"), itemRecord("i2"), city("rome"), shown("u1", number(3), at(1)), shown("u2", words("x", "y"), at(2)),
		list, city("oslo"), seen, tick(at(10)))
	l.append(tick(at(3600)))
	want := []string{
		"scene=home 1", "scene=(none) 2", "context.tab=3 1", "context.tab=x 1", "context.tab=(none) 1",
		"user.city=rome 2", "user.city=(none) 1", "variant=a=b 1", "variant=(none) 2",
	}
	if got := sliceCounts(l.Models[0].Head(0).Validation()); !slices.Equal(got, want) {
		t.Errorf("slices %q, want %q", got, want)
	}
	log, end := l.log, l.stop()

	again, err := tryRigWith(t, t.TempDir(), slicedParts(t, "scene", "context.tab", "user.city", "variant"))
	if err != nil {
		t.Fatal(err)
	}
	if got := again.run(log); got.checkpoint.Digest != end.checkpoint.Digest {
		t.Errorf("digest %x, of a replay %x", end.checkpoint.Digest, got.checkpoint.Digest)
	}

	loaded := slicedParts(t, "scene", "context.tab", "user.city", "variant")
	r, err = tryRigWith(t, dir, loaded)
	if err != nil {
		t.Fatal(err)
	}
	if got := sliceCounts(loaded.Models[0].Head(0).Validation()); !slices.Equal(got, want) {
		t.Errorf("after a restart the slices are %q, want %q", got, want)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}

	others := slicedParts(t, "context.tab") // begin anew; the rest of the state goes on
	if r, err = tryRigWith(t, dir, others); err != nil {
		t.Fatal(err)
	}
	if v := others.Models[0].Head(0).Validation(); v.Total().N != 3 || len(v.Slices()) != 0 {
		t.Errorf("%d observations, slices %q", v.Total().N, sliceCounts(v))
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

func TestADimensionThatIsNoneIsRefused(t *testing.T) {
	if _, err := tryRigWith(t, t.TempDir(), slicedParts(t, "item.price")); err == nil {
		t.Error("it is taken")
	}
}

func TestSpansAreNamedAsTheyAreWritten(t *testing.T) {
	for want, seconds := range map[string]float64{"1h": 3600, "24h": 86400, "1h30m": 5400, "1m": 60, "1m30s": 90} {
		if got := SpanName(at(seconds).Sub(at(0))); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
}
