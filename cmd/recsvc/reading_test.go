package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"recsvc/internal/api"
)

func TestFeaturesAreReadAsTheyWereWritten(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	s.want(http.StatusAccepted, nil, "POST", "/v1/items", `[{"item":"mug","categories":["kitchen"]},{"item":"pen","categories":["desk, paper"]}]`)
	var written api.WriteAnswer
	s.want(http.StatusAccepted, &written, "POST", "/v1/events", `[
		{"type":"exposure","user":"ann","item":"mug","id":"e1"},{"type":"click","user":"ann","item":"mug","id":"c1"},
		{"type":"exposure","user":"ann","item":"pen","id":"e2"}]`)

	var rows api.FeatureRows
	s.want(http.StatusOK, &rows, "POST", "/v1/features", fmt.Sprintf(
		`{"entities":[{"user":"ann","item":"mug"},{"user":"bob","item":"pen"},{"user":"ann"}],"features":["user","category","user_last","item_ctr_1h"],"after":%q}`, written.Cursor))
	if got := fmt.Sprint(rows.Features); got != "[user category user_last item_ctr_1h]" || len(rows.Rows) != 3 || rows.Cursor == "" {
		t.Fatalf("got %+v", rows)
	}
	ann, bob, alone := rows.Rows[0].Values, rows.Rows[1].Values, rows.Rows[2].Values
	if ann[0] != "ann" || ann[1] != "kitchen" || bob[0] != nil || bob[1] != "desk, paper" || alone[1] != nil || alone[3] != nil {
		t.Errorf("got %+v", rows.Rows)
	}
	mug, pen := ann[3].(float64), bob[3].(float64)
	if mug <= pen {
		t.Errorf("a click of one exposure is %v, none of one %v", mug, pen)
	}

	var user api.UserView
	s.want(http.StatusOK, &user, "GET", "/v1/users/ann", "")
	if user.Features["user"] != "ann" || user.Features["user_last"] == nil || user.Features["category"] != nil {
		t.Errorf("the user's features are %v", user.Features)
	}
	var item struct{ Features map[string]any }
	s.want(http.StatusOK, &item, "GET", "/v1/items/mug", "")
	if x, ok := item.Features["item_ctr_1h"].(float64); !ok || x < mug-0.01 || x > mug+0.01 || len(item.Features) != 1 {
		t.Errorf("the item's features are %v, want %v", item.Features, mug)
	}
	entity := func(path string) (out []string) {
		t.Helper()
		var view api.EntityFeatures
		s.want(http.StatusOK, &view, "GET", "/admin/v1/features/"+path, "")
		for _, f := range view.Features {
			if f.Value == nil || len(f.Version) != 12 {
				t.Errorf("%s: %+v", path, f)
			}
			out = append(out, f.Name+" "+f.Window)
		}
		return out
	}
	if got, want := entity("user/ann"), []string{"user_clicks_5m 5m", "user_last "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := entity("item.categories%5B0%5D,user/desk%2C%20paper,ann"), []string{"user_category_ctr "}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for path, status := range map[string]int{
		"user/bob": 404, "item/lamp": 404, "user,item.categories[0]/ann,garden": 404, "context.room/r1": 404, "user,item.categories[0]/ann": 400,
	} {
		s.want(status, nil, "GET", "/admin/v1/features/"+path, "")
	}
}

func TestTheDefinitionsOfFeaturesAreShownAsTheyAreConfigured(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	var list api.FeatureList
	s.want(http.StatusOK, &list, "GET", "/admin/v1/features", "")
	got, err := json.Marshal(list.Features[6].Definition)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"as":"log","kind":"count","name":"user_clicks_5m","on":{"types":["click"]},"scope":["user"],"slide":"30s","window":"5m"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
