package deploy

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// metricName finds our own metrics in an expression or a page. Those of the Go runtime and of Prometheus itself are
// not ours to list.
var metricName = regexp.MustCompile(`\brecsvc_[a-z0-9_]+`)

// known reads the names of all metrics from the page that lists them.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range metricName.FindAllString(read(t, "../docs/metrics.md"), -1) {
		names[name] = true
	}
	if len(names) == 0 {
		t.Fatal("docs/metrics.md names no metric")
	}
	return names
}

// checkNames fails for every metric of expr that the server does not export.
func checkNames(t *testing.T, names map[string]bool, where, expr string) {
	t.Helper()
	for _, name := range metricName.FindAllString(expr, -1) {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} { // of histograms
			base = strings.TrimSuffix(base, suffix)
		}
		if !names[name] && !names[base] {
			t.Errorf("%s asks for %s, which docs/metrics.md does not list", where, name)
		}
	}
}

type alerts struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert       string
			Expr        string
			For         string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func TestAlertsSayWhatToDoAndAskForMetricsThatExist(t *testing.T) {
	var file alerts
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "prometheus/alerts.yml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	names := known(t)
	count := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			count++
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" {
				t.Errorf("alert %s wants a severity, a summary and an action", rule.Alert)
			}
			checkNames(t, names, "alert "+rule.Alert, rule.Expr)
		}
	}
	if count == 0 {
		t.Error("there are no alerts")
	}
}

func TestPrometheusScrapesRecsvcAndLoadsTheAlerts(t *testing.T) {
	var file struct {
		Global    map[string]string
		RuleFiles []string `yaml:"rule_files"`
		Scrapes   []struct {
			Job     string                       `yaml:"job_name"`
			Targets []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.UnmarshalWithOptions([]byte(read(t, "prometheus/prometheus.yml")), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if len(file.Scrapes) != 1 || len(file.Scrapes[0].Targets) != 1 || file.Scrapes[0].Targets[0].Targets[0] != "recsvc:8080" {
		t.Errorf("scrapes %+v, want recsvc:8080", file.Scrapes)
	}
	p := project(t)
	for _, rules := range file.RuleFiles {
		mounted := false
		for _, v := range p.Services["prometheus"].Volumes {
			mounted = mounted || v.Target == rules
		}
		if !mounted {
			t.Errorf("rule file %s is not mounted", rules)
		}
	}
}

type dashboard struct {
	UID    string
	Title  string
	Panels []struct {
		ID         int
		Title      string
		Type       string
		GridPos    struct{ X, Y, W, H int }
		Datasource struct{ UID string }
		Targets    []struct{ Expr string }
	}
}

func TestTheDashboardAsksForMetricsThatExist(t *testing.T) {
	var board dashboard
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboards/recsvc.json")), &board); err != nil {
		t.Fatal(err)
	}
	var sources struct {
		Datasources []struct{ UID string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "grafana/provisioning/datasources/prometheus.yml")), &sources); err != nil {
		t.Fatal(err)
	}
	names, ids := known(t), map[int]bool{}
	for _, panel := range board.Panels {
		if ids[panel.ID] {
			t.Errorf("panel %q: id %d is taken", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		if panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %q reaches beyond the grid", panel.Title)
		}
		if panel.Type == "row" {
			continue
		}
		if panel.Datasource.UID != sources.Datasources[0].UID {
			t.Errorf("panel %q asks source %q, provisioned is %q", panel.Title, panel.Datasource.UID, sources.Datasources[0].UID)
		}
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			checkNames(t, names, "panel "+panel.Title, target.Expr)
		}
	}
	if len(board.Panels) == 0 {
		t.Error("the dashboard is empty")
	}
}
