package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

func TestTheDescriptionNamesEveryRouteAndResolvesEveryReference(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("GET", "/openapi.json", ""), http.StatusOK)
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Security    []map[string][]string
			Responses   map[string]struct{ Description string }
			Parameters  []struct{ Name, In string }
		}
		Components struct {
			Schemas         map[string]any
			SecuritySchemes map[string]any
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || doc.Info.Title == "" || doc.Info.Version != "test" || doc.Components.SecuritySchemes["key"] == nil {
		t.Errorf("head: %+v", doc.Info)
	}
	ids := map[string]bool{}
	for _, rt := range w.api.routes() {
		op, ok := doc.Paths[rt.path][strings.ToLower(rt.method)]
		if rt.summary == "" {
			continue
		}
		if !ok || op.Summary == "" || ids[op.OperationID] || len(op.Responses) == 0 {
			t.Errorf("%s %s: %+v", rt.method, rt.path, op)
		}
		ids[op.OperationID] = true
		if (len(op.Security) == 0) != open[rt.path] {
			t.Errorf("%s %s: security %v", rt.method, rt.path, op.Security)
		}
		for status, r := range op.Responses {
			if n, err := strconv.Atoi(status); err != nil || n < 200 || r.Description == "" {
				t.Errorf("%s %s: response %q %+v", rt.method, rt.path, status, r)
			}
		}
		inPath := 0
		for _, p := range op.Parameters {
			if p.In == "path" {
				inPath++
			}
		}
		if inPath != strings.Count(rt.path, "{") {
			t.Errorf("%s %s: %d path parameters", rt.method, rt.path, inPath)
		}
	}
	for part := range strings.SplitSeq(rec.Body.String(), `"$ref":"`) {
		if name, ok := strings.CutPrefix(part, "#/components/schemas/"); ok {
			if name = name[:strings.IndexByte(name, '"')]; doc.Components.Schemas[name] == nil {
				t.Errorf("no schema %s", name)
			}
		}
	}
}

// TestAnswersObeyTheirSchemas sends one request per described answer and judges the body by the published schema.
func TestAnswersObeyTheirSchemas(t *testing.T) {
	w := newWorld(t)
	reg := schemas()
	reg.Schema(reflect.TypeFor[List](), true, "")
	for _, tc := range []struct {
		method, path, body string
		status             int
		answer             any
	}{
		{"POST", "/v1/events", oneEvent, 202, WriteAnswer{}},
		{"POST", "/v1/events", "[]", 422, Problem{}},
		{"GET", "/v1/recommendations?user=u1&explain=true", "", 200, List{}},
		{"POST", "/v1/rank", `{"candidates":[{"item":"i1"}]}`, 200, List{}},
		{"GET", "/v1/trending", "", 200, Items{}},
		{"GET", "/v1/users/u1", "", 200, UserView{}},
		{"GET", "/admin/v1/status", "", 200, Status{}},
		{"GET", "/admin/v1/features", "", 200, FeatureList{}},
		{"POST", "/v1/features", `{"entities":[{"user":"u1","item":"i1"}]}`, 200, FeatureRows{}},
		{"GET", "/admin/v1/features/user/u1", "", 200, EntityFeatures{}},
		{"GET", "/admin/v1/models", "", 200, ModelList{}},
		{"GET", "/admin/v1/models/ctr", "", 200, ModelStatus{}},
		{"PATCH", "/admin/v1/models/ctr", `{"frozen":true}`, 200, ModelStatus{}},
		{"POST", "/admin/v1/models/next/promote", "", 200, ModelStatus{}},
		{"POST", "/admin/v1/checkpoint", "", 200, CheckpointStatus{}},
		{"POST", "/admin/v1/snapshots", "{}", 201, Snapshot{}},
		{"GET", "/admin/v1/snapshots", "", 200, SnapshotList{}},
		{"POST", "/admin/v1/snapshots/s1/restore", "", 200, Restored{}},
		{"GET", "/admin/v1/dead-letters", "", 200, DeadLetterList{}},
		{"GET", "/readyz", "", 200, Health{}},
		{"GET", "/nothing", "", 404, Problem{}},
	} {
		rec := w.want(w.do(tc.method, tc.path, tc.body), tc.status)
		var v any
		if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		schema := reg.Schema(reflect.TypeOf(tc.answer), false, "")
		var found huma.ValidateResult
		huma.Validate(reg, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &found)
		for _, err := range found.Errors {
			t.Errorf("%s %s: %v\n%s", tc.method, tc.path, err, rec.Body)
		}
	}
}

func TestTheRequestTypesAreDescribed(t *testing.T) {
	reg := schemas()
	s := reg.Schema(reflect.TypeFor[RankRequest](), false, "")
	for _, field := range []string{"user", "candidates", "context", "explain", "after"} {
		if s.Properties[field] == nil {
			t.Errorf("no %s in %v", field, s.Properties)
		}
	}
	if got := reg.Schema(reflect.TypeFor[RecommendationsRequest](), false, "").Properties["context"].Type; got != "object" {
		t.Errorf("context is %q", got)
	}
}
