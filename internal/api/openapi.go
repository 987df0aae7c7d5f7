package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"recsvc/internal/event"
)

// describe makes the OpenAPI 3.1 document of the routes. huma turns our types into schemas; its router is not used.
func describe(routes []route, version string) ([]byte, error) {
	reg := schemas()
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "recsvc", Version: version,
			Description: "A recommendation server that learns from what people do while they do it.",
		},
		Paths: map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas:         reg,
			SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}},
		},
	}
	for _, rt := range routes {
		if rt.summary != "" {
			item := doc.Paths[rt.path]
			if item == nil {
				item = &huma.PathItem{}
				doc.Paths[rt.path] = item
			}
			if err := put(item, rt.method, operation(reg, &rt)); err != nil {
				return nil, err
			}
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("describe the interface: %w", err)
	}
	return append(out, '\n'), nil
}

// schemas is a registry that knows the JSON forms of the types of other rooms.
func schemas() huma.Registry {
	reg := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	reg.RegisterTypeAlias(reflect.TypeFor[event.Time](), reflect.TypeFor[time.Time]())
	reg.RegisterTypeAlias(reflect.TypeFor[event.Attributes](), reflect.TypeFor[map[string]any]())
	return reg
}

func put(item *huma.PathItem, method string, op *huma.Operation) error {
	slot := map[string]**huma.Operation{
		http.MethodGet: &item.Get, http.MethodPost: &item.Post, http.MethodDelete: &item.Delete, http.MethodPut: &item.Put, http.MethodPatch: &item.Patch,
	}[method]
	if slot == nil || *slot != nil {
		return fmt.Errorf("describe the interface: %s %s stands there twice", method, op.Summary)
	}
	*slot = op
	return nil
}

func operation(reg huma.Registry, rt *route) *huma.Operation {
	op := &huma.Operation{
		OperationID: operationID(rt), Summary: rt.summary, Tags: []string{tagOf(rt.path)},
		Responses: map[string]*huma.Response{},
	}
	if !open[rt.path] {
		op.Security = []map[string][]string{{"key": {}}}
		op.Responses["401"] = answer(reg, http.StatusUnauthorized, Problem{})
		op.Responses["403"] = answer(reg, http.StatusForbidden, Problem{})
	}
	for status, v := range rt.answers {
		op.Responses[strconv.Itoa(status)] = answer(reg, status, v)
	}
	for _, name := range pathParams(rt.path) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string"},
		})
	}
	for _, p := range rt.query {
		op.Parameters = append(op.Parameters, queryParam(p))
	}
	switch {
	case rt.batch:
		op.RequestBody = batchBody()
	case rt.body == (stream{}):
		op.RequestBody = &huma.RequestBody{Required: true, Content: binary()}
	case rt.body != nil:
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{
			"application/json": {Schema: reg.Schema(reflect.TypeOf(rt.body), true, "")},
		}}
	}
	return op
}

func answer(reg huma.Registry, status int, v any) *huma.Response {
	r := &huma.Response{Description: http.StatusText(status)}
	if v == nil {
		return r
	}
	contentType := "application/json"
	switch v.(type) {
	case Problem:
		contentType = "application/problem+json"
	case stream:
		r.Content = binary()
		return r
	}
	r.Content = map[string]*huma.MediaType{contentType: {Schema: reg.Schema(reflect.TypeOf(v), true, "")}}
	return r
}

// stream stands for any bytes.
type stream struct{}

func binary() map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
}

// batchBody is one record, an array, or NDJSON. The records are validated one by one, by the intake.
func batchBody() *huma.RequestBody {
	record := &huma.Schema{Type: "object", AdditionalProperties: true}
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			record, {Type: "array", Items: record},
		}}},
		"application/x-ndjson": {Schema: &huma.Schema{Type: "string"}},
	}}
}

func queryParam(p param) *huma.Param {
	q := &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: &huma.Schema{Type: p.typ}}
	explode := true
	switch p.typ {
	case "array":
		q.Schema.Items, q.Style, q.Explode = &huma.Schema{Type: "string"}, "form", &explode
	case "object": // context.NAME=VALUE has no style of its own; deepObject comes nearest
		q.Schema.AdditionalProperties, q.Style, q.Explode = &huma.Schema{Type: "string"}, "deepObject", &explode
	}
	return q
}

func pathParams(path string) (names []string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

func operationID(rt *route) string {
	id := strings.ToLower(rt.method) + "-" + strings.Trim(rt.path, "/")
	return strings.TrimSuffix(strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(id), "-")
}

func tagOf(path string) string {
	switch {
	case strings.HasPrefix(path, "/admin/"):
		return "admin"
	case strings.HasPrefix(path, "/v1/"):
		return "public"
	}
	return "operations"
}
