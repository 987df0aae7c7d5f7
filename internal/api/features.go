package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// maxEntities bounds what one request reads. More are read by more requests.
const maxEntities = 1000

// FeaturesRequest asks for the present values of features of many entities.
type FeaturesRequest struct {
	Entities []FeatureEntity `json:"entities" minItems:"1" maxItems:"1000"`
	Features []string        `json:"features,omitempty" doc:"names, in the order wanted; of several windows each, or all by the name of the definition; absent: all features"`
	At       *event.Time     `json:"at,omitempty" doc:"the instant that windows end with and ages are counted to; now. What is read is the state of now, not of then"`
	After    string          `json:"after,omitempty" doc:"a cursor: answer only from state that includes it"`
}

// FeatureEntity is a user, an item and a context, each of which may be missing.
type FeatureEntity struct {
	User    string           `json:"user,omitempty" maxLength:"256"`
	Item    string           `json:"item,omitempty" maxLength:"256" doc:"absent: features that depend on the item are null"`
	Context event.Attributes `json:"context,omitempty" doc:"fields that scopes and features read, such as room or session"`
}

// FeatureRows is the answer: a row for each entity, in the order asked for.
type FeatureRows struct {
	Features []string     `json:"features" doc:"names of the values of each row"`
	Rows     []FeatureRow `json:"rows"`
	Cursor   string       `json:"cursor" doc:"the state that was read includes the log up to here"`
}

// FeatureRow is what one entity's features are.
type FeatureRow struct {
	User   string `json:"user,omitempty"`
	Item   string `json:"item,omitempty"`
	Values []any  `json:"values" doc:"each a number, a text, a list of texts, a list of numbers, a list of {value, weight}, or null"`
}

// EntityFeatures are the features that are kept under one key of a scope.
type EntityFeatures struct {
	Scope    []string        `json:"scope"`
	Key      []string        `json:"key" doc:"one value for each part of the scope"`
	At       event.Time      `json:"at"`
	Features []EntityFeature `json:"features"`
	Cursor   string          `json:"cursor" doc:"the state that was read includes the log up to here"`
}

// EntityFeature is one of them.
type EntityFeature struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Value   any    `json:"value" doc:"a number, a text, a list of texts, a list of numbers, a list of {value, weight}, or null"`
	Window  string `json:"window,omitempty" doc:"that the value is of, such as 5m or 30d; absent: none"`
	Version string `json:"version" doc:"of the definition"`
}

// postFeatures reads many entities, one after the other: the writer waits for no more than one.
func (a *API) postFeatures(w *response, r *http.Request) error {
	if a.rooms.Features == nil {
		return fmt.Errorf("features: %w", ErrUnavailable)
	}
	var in FeaturesRequest
	if err := a.decode(w, r, &in, false); err != nil {
		return err
	}
	after, err := in.check()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.opts.Deadline)
	defer cancel()
	if err := a.catchUp(ctx, after); err != nil {
		return err
	}
	at := event.FromTime(a.opts.Clock())
	if in.At != nil {
		at = *in.At
	}
	applied := a.rooms.Engine.Applied() // before the read, so that the answer includes at least this
	out, err := a.rooms.Features.Readout(in.Features)
	if err != nil {
		return unknownFeature(err)
	}
	defer out.Close()
	w.buf = appendColumns(w.buf[:0], out.Columns())
	if w.buf, err = appendRows(ctx, w.buf, out, in.Entities, at); err != nil {
		return err
	}
	w.buf = append(event.AppendString(append(w.buf, `,"cursor":`...), applied.String()), '}', '\n')
	w.send(http.StatusOK, headerJSON[0], w.buf)
	return nil
}

func unknownFeature(err error) error {
	var unknown *features.NoFeatureError
	if errors.As(err, &unknown) {
		return badParam(fmt.Sprintf("features/%d", unknown.Index), "%v", unknown)
	}
	return err
}

func (in *FeaturesRequest) check() (event.Cursor, error) {
	if n := len(in.Entities); n < 1 || n > maxEntities {
		return nil, badParam("entities", "must hold from 1 to %d, and not %d", maxEntities, n)
	}
	for i := range in.Entities {
		e := &in.Entities[i]
		for _, id := range []struct{ field, value string }{{"user", e.User}, {"item", e.Item}} {
			if id.value == "" {
				continue
			}
			if err := event.CheckID(id.value); err != nil {
				return nil, badParam(fmt.Sprintf("entities/%d/%s", i, id.field), "%v", err)
			}
		}
	}
	return parseCursor(in.After)
}

func appendColumns(dst []byte, columns []features.Column) []byte {
	dst = append(dst, `{"features":[`...)
	for i := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendString(dst, columns[i].Name)
	}
	return append(dst, ']')
}

// appendRows appends the rows of a [FeatureRows], as long as there is time.
func appendRows(ctx context.Context, dst []byte, out Readout, entities []FeatureEntity, at event.Time) ([]byte, error) {
	dst = append(dst, `,"rows":[`...)
	for i := range entities {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		e := &entities[i]
		values, err := out.Read(e.User, e.Item, e.Context, at)
		if err != nil {
			return dst, fmt.Errorf("read entity %d: %w", i, err)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRow(dst, e, values)
	}
	return append(dst, ']'), nil
}

func appendRow(dst []byte, e *FeatureEntity, values []features.NamedValue) []byte {
	dst = append(dst, '{')
	if e.User != "" {
		dst = append(event.AppendString(append(dst, `"user":`...), e.User), ',')
	}
	if e.Item != "" {
		dst = append(event.AppendString(append(dst, `"item":`...), e.Item), ',')
	}
	dst = append(dst, `"values":[`...)
	for i := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, &values[i])
	}
	return append(dst, "]}"...)
}

// appendValue appends what [features.NamedValue.Any] returns.
func appendValue(dst []byte, v *features.NamedValue) []byte {
	switch {
	case v.Number-v.Number == 0:
		return appendFloat(dst, v.Number)
	case v.Text != "":
		return event.AppendString(dst, v.Text)
	case len(v.List) > 0 && len(v.Weights) > 0:
		return appendWeighted(dst, v)
	case len(v.List) > 0:
		return appendStrings(dst, v.List)
	case len(v.Weights) > 0:
		return appendVector(dst, v.Weights)
	}
	return append(dst, "null"...)
}

func appendVector(dst []byte, v []float64) []byte {
	dst = append(dst, '[')
	for i, x := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat(dst, x)
	}
	return append(dst, ']')
}

func appendWeighted(dst []byte, v *features.NamedValue) []byte {
	dst = append(dst, '[')
	for i, text := range v.List {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendString(append(dst, `{"value":`...), text)
		dst = append(appendFloat(append(dst, `,"weight":`...), v.Weights[i]), '}')
	}
	return append(dst, ']')
}

// getEntity answers GET /admin/v1/features/{scope}/{key}.
func (a *API) getEntity(w *response, r *http.Request) error {
	if a.rooms.Features == nil {
		return fmt.Errorf("features: %w", ErrUnavailable)
	}
	scope, err := pathList(r, "scope")
	if err != nil {
		return err
	}
	key, err := pathList(r, "key")
	if err != nil {
		return err
	}
	if err := a.after(r, readQuery(r)); err != nil {
		return err
	}
	out := EntityFeatures{
		Scope: scope, Key: key, At: event.FromTime(a.opts.Clock()), Features: []EntityFeature{}, Cursor: a.rooms.Engine.Applied().String(),
	}
	found, err := a.rooms.Features.Entity(scope, key, out.At)
	if err != nil {
		return entityFault(err, scope, key)
	}
	for i := range found {
		f := &found[i]
		out.Features = append(out.Features, EntityFeature{Name: f.Name, Kind: f.Kind, Value: f.Any(), Window: f.Window, Version: f.Version})
	}
	return w.json(http.StatusOK, &out)
}

func entityFault(err error, scope, key []string) error {
	var noScope *features.NoScopeError
	var badKey *features.KeyError
	switch {
	case errors.As(err, &noScope):
		return faultf(http.StatusNotFound, "%v", noScope)
	case errors.As(err, &badKey):
		return badParam("key", "%v", badKey)
	case errors.Is(err, features.ErrNeverSeen):
		return faultf(http.StatusNotFound, "%s %s: never seen", strings.Join(scope, ","), strings.Join(key, ","))
	}
	return err
}

// maxParts bounds the parts of a scope.
const maxParts = 16

// pathList is a list out of the path: values joined by commas. A comma or a slash within a value is percent-encoded.
func pathList(r *http.Request, name string) ([]string, error) {
	parts := strings.Split(chi.URLParam(r, name), ",")
	if len(parts) > maxParts {
		return nil, badParam(name, "holds more than %d values", maxParts)
	}
	for i, part := range parts {
		if r.URL.RawPath != "" { // chi matched the escaped form
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return nil, badParam(name, "is not a valid path segment")
			}
		}
		if err := event.CheckID(part); err != nil {
			return nil, badParam(name, "%v", err)
		}
		parts[i] = part
	}
	return parts, nil
}

var _ Readout = (*features.Readout)(nil)
