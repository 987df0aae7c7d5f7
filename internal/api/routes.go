package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// handler answers a request, or returns the error to answer with.
type handler func(w *response, r *http.Request) error

// route is one line of the table that both the router and the description are made from.
type route struct {
	method  string
	path    string
	summary string
	handle  handler
	within  time.Duration // bounds the whole handler; 0: it sees to that itself

	query   []param
	body    any // a zero value of the type; nil: none
	batch   bool
	answers map[int]any // by status; nil: no JSON
}

// param is a query parameter.
type param struct {
	name, typ, doc string
}

// slowAdmin is what checkpoints and snapshots may take. The server's own write time-out is a little more.
const slowAdmin = 55 * time.Second

// routes is the whole interface.
func (a *API) routes() []route {
	afterParam := param{"after", "string", "a cursor: answer only from state that includes it"}
	nParam := param{"n", "integer", "length of the list, 1–500; 10"}
	list := map[int]any{200: List{}, 400: Problem{}, 421: Problem{}, 504: Problem{}}
	taken := map[int]any{202: WriteAnswer{}, 400: Problem{}, 413: Problem{}, 422: Problem{}, 429: Problem{}, 503: Problem{}}
	return []route{
		{method: "POST", path: "/v1/events", summary: "Take in behaviour events", handle: a.postEvents, batch: true, answers: taken},
		{method: "POST", path: "/v1/items", summary: "Upsert catalogue items", handle: a.postItems, batch: true, answers: taken},
		{method: "POST", path: "/v1/users", summary: "Upsert user attributes", handle: a.postUsers, batch: true, answers: taken},
		{
			method: "GET", path: "/v1/items/{item}", summary: "An item with its live counters and features", handle: a.getItem,
			query: []param{afterParam}, answers: map[int]any{200: map[string]any{}, 404: Problem{}},
		},
		{
			method: "DELETE", path: "/v1/items/{item}", summary: "Remove an item from recommendation at once", handle: a.deleteItem,
			answers: map[int]any{202: WriteAnswer{}, 404: Problem{}, 429: Problem{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/v1/items/{item}/similar", summary: "Items that are visited together with one", handle: a.getSimilar,
			query: []param{nParam, afterParam}, answers: map[int]any{200: Items{}, 400: Problem{}, 404: Problem{}},
		},
		{
			method: "GET", path: "/v1/users/{user}", summary: "Attributes, live features and recent events of a user", handle: a.getUser,
			query: []param{afterParam}, answers: map[int]any{200: UserView{}, 404: Problem{}},
		},
		{
			method: "GET", path: "/v1/recommendations", summary: "A list for a user", handle: a.getRecommendations,
			query: recommendationParams(nParam, afterParam), answers: list,
		},
		{
			method: "POST", path: "/v1/recommendations", summary: "A list for a user", handle: a.postRecommendations,
			body: RecommendationsRequest{}, answers: list,
		},
		{method: "POST", path: "/v1/rank", summary: "The caller's candidates in order", handle: a.postRank, body: RankRequest{}, answers: list},
		{
			method: "GET", path: "/v1/trending", summary: "What is popular now", handle: a.getTrending,
			query:   []param{nParam, {"category", "string", "only of this category"}, {"window", "string", "30m, 24h, 7d …"}, afterParam},
			answers: map[int]any{200: Items{}, 400: Problem{}},
		},
		{
			method: "POST", path: "/v1/features", summary: "Present values of features, for many entities", handle: a.postFeatures,
			body: FeaturesRequest{}, answers: map[int]any{200: FeatureRows{}, 400: Problem{}, 413: Problem{}, 421: Problem{}, 504: Problem{}},
		},
		{method: "GET", path: "/admin/v1/status", summary: "How the server is doing", handle: a.getStatus, answers: map[int]any{200: Status{}}},
		{
			method: "GET", path: "/admin/v1/features", summary: "The definitions of features, with their versions", handle: a.getFeatures,
			answers: map[int]any{200: FeatureList{}},
		},
		{
			method: "GET", path: "/admin/v1/features/{scope}/{key}", summary: "The features of one entity: scope as in a definition, key its values, both joined by commas",
			handle: a.getEntity, query: []param{afterParam}, answers: map[int]any{200: EntityFeatures{}, 400: Problem{}, 404: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/ope", summary: "What other policies would have earned lately, estimated from what was served",
			handle: a.getOffPolicy, within: slowAdmin, answers: map[int]any{200: OffPolicy{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/checkpoint", summary: "Force a checkpoint", handle: a.postCheckpoint, within: slowAdmin,
			answers: map[int]any{200: CheckpointStatus{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/models", summary: "The models side by side, with their progressive metrics", handle: a.getModels,
			answers: map[int]any{200: ModelList{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/quarantine", summary: "Samples that were not learned, newest first", handle: a.getQuarantine,
			answers: map[int]any{200: Quarantine{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/models/{name}", summary: "One model", handle: a.getModel,
			answers: map[int]any{200: ModelStatus{}, 404: Problem{}, 503: Problem{}},
		},
		{
			method: "PATCH", path: "/admin/v1/models/{name}", summary: "Change rates or refresh of a model, or let its learning rest", handle: a.patchModel,
			within: slowAdmin, body: ModelChange{}, answers: map[int]any{200: ModelStatus{}, 400: Problem{}, 404: Problem{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/models/{name}/promote", summary: "Let a model serve", handle: a.promoteModel,
			within: slowAdmin, body: Promotion{}, answers: map[int]any{200: ModelStatus{}, 400: Problem{}, 404: Problem{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/snapshots", summary: "Model snapshots", handle: a.getSnapshots, within: slowAdmin,
			answers: map[int]any{200: SnapshotList{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/snapshots", summary: "Take a model snapshot", handle: a.postSnapshot, within: slowAdmin,
			body: SnapshotRequest{}, answers: map[int]any{201: Snapshot{}, 400: Problem{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/snapshots/{id}", summary: "One snapshot's description", handle: a.getSnapshot, within: slowAdmin,
			answers: map[int]any{200: Snapshot{}, 400: Problem{}, 404: Problem{}, 503: Problem{}},
		},
		{
			method: "DELETE", path: "/admin/v1/snapshots/{id}", summary: "Remove a snapshot", handle: a.deleteSnapshot, within: slowAdmin,
			answers: map[int]any{204: nil, 400: Problem{}, 404: Problem{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/snapshots/{id}/content", summary: "The file of a snapshot, whole in itself", handle: a.getSnapshotContent,
			answers: map[int]any{200: stream{}, 400: Problem{}, 404: Problem{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/snapshots/import", summary: "Take in the file of a snapshot that was made elsewhere", handle: a.postImport,
			query: []param{{"sha256", "string", "what the file must have, in hexadecimal"}}, body: stream{},
			answers: map[int]any{200: Snapshot{}, 201: Snapshot{}, 400: Problem{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/snapshots/{id}/restore", summary: "Roll the models back to a snapshot", handle: a.postRestore,
			within: slowAdmin, answers: map[int]any{200: Restored{}, 400: Problem{}, 404: Problem{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "POST", path: "/admin/v1/backup", summary: "A consistent copy of the whole state, for recsvc restore", handle: a.postBackup,
			answers: map[int]any{200: stream{}, 409: Problem{}, 503: Problem{}},
		},
		{
			method: "GET", path: "/admin/v1/dead-letters", summary: "What was refused, with reason and original", handle: a.getDeadLetters,
			query:   []param{{"n", "integer", "how many, 1–10000; 100"}, {"before", "integer", "only those with a lower seq"}},
			answers: map[int]any{200: DeadLetterList{}, 400: Problem{}},
		},
		{
			method: "DELETE", path: "/admin/v1/dead-letters", summary: "Remove dead letters for ever", handle: a.deleteDeadLetters, within: slowAdmin,
			query: []param{{"ids", "array", "as in the body"}, {"all", "boolean", "as in the body"}},
			body:  LetterSelection{}, answers: letterAnswers(LettersPurged{}),
		},
		{
			method: "POST", path: "/admin/v1/dead-letters/retry", summary: "Judge dead letters again, as if they came now", handle: a.retryDeadLetters,
			within: slowAdmin, body: LetterSelection{}, answers: letterAnswers(LettersRetried{}),
		},
		{method: "GET", path: "/healthz", summary: "Is the process alive", handle: a.getHealth, answers: map[int]any{200: Health{}}},
		{
			method: "GET", path: "/readyz", summary: "Is state loaded and fresh", handle: a.getReady,
			answers: map[int]any{200: Health{}, 503: Problem{}},
		},
		{method: "GET", path: "/metrics", summary: "Prometheus metrics", handle: a.getMetrics(), answers: map[int]any{200: nil}},
		{method: "GET", path: "/openapi.json", summary: "This description", handle: a.getOpenAPI, answers: map[int]any{200: map[string]any{}}},
		{method: "GET", path: "/", summary: "The console", handle: asset("index.html", "text/html; charset=utf-8"), answers: map[int]any{200: nil}},
		{method: "GET", path: "/page/app.js", handle: asset("app.js", "text/javascript; charset=utf-8")},
		{method: "GET", path: "/page/app.css", handle: asset("app.css", "text/css; charset=utf-8")},
		{method: "GET", path: "/page/users.json", handle: a.getPageUsers},
	}
}

func recommendationParams(n, after param) []param {
	return []param{
		{"user", "string", "may be unknown or absent"}, n,
		{"scene", "string", "ranking policy; default"},
		{"item", "string", "the item being looked at"},
		{"context", "object", "context.NAME=VALUE for each field"},
		{"filter", "string", `expression over the item, such as item.price < 100 && "sport" in item.categories`},
		{"exclude", "array", "item ids"},
		{"explain", "boolean", "channels, features and contributions of each item"},
		after,
		{"dry_run", "boolean", "log nothing as served"},
	}
}

func letterAnswers(ok any) map[int]any {
	return map[int]any{200: ok, 400: Problem{}, 429: Problem{}, 503: Problem{}}
}

// router builds the chi router from the table.
func (a *API) router(routes []route) *chi.Mux {
	mux := chi.NewRouter()
	for _, rt := range routes {
		h := a.adapt(rt)
		mux.MethodFunc(rt.method, rt.path, h)
		if rt.method == http.MethodGet && open[rt.path] {
			mux.MethodFunc(http.MethodHead, rt.path, h)
		}
	}
	mux.NotFound(func(rw http.ResponseWriter, r *http.Request) {
		rw.(*response).problem(faultf(http.StatusNotFound, "no such route"))
	})
	mux.MethodNotAllowed(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Allow", strings.Join(methods(mux, r.URL), ", "))
		rw.(*response).problem(faultf(http.StatusMethodNotAllowed, "the route does not take this method"))
	})
	return mux
}

func (a *API) adapt(rt route) http.HandlerFunc {
	name := rt.method + " " + rt.path
	strict := strings.HasPrefix(rt.path, "/admin/")
	return func(rw http.ResponseWriter, r *http.Request) {
		w := rw.(*response)
		w.route = name
		if rt.within > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), rt.within)
			defer cancel()
			r = r.WithContext(ctx)
		}
		err := error(nil)
		if strict {
			err = rt.knows(r.URL.Query())
		}
		if err == nil {
			err = rt.handle(w, r)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	}
}

// knows refuses parameters that the route does not have. Admin routes are strict.
func (rt *route) knows(values url.Values) error {
	for name := range values {
		if !slices.ContainsFunc(rt.query, func(p param) bool { return p.name == name }) {
			return badParam(name[:min(len(name), 64)], "is no parameter of this route")
		}
	}
	return nil
}
