package telemetry_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const (
	dashboardFile = "../../deploy/grafana/tanker.json"
	alertsFile    = "../../deploy/prometheus/alerts.yaml"
)

// expressions are those of the dashboard and of the alerts, each with where it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
		Templating struct {
			List []struct {
				Name  string
				Query any
			}
		}
	}
	read(t, dashboardFile, json.Unmarshal, &dashboard)
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for i, target := range p.Targets {
			all[fmt.Sprintf("panel %q, %d", p.Title, i)] = target.Expr
		}
	}
	for _, v := range dashboard.Templating.List {
		if query, ok := v.Query.(map[string]any); ok {
			text, _ := query["query"].(string)
			inner := regexp.MustCompile(`^label_values\((.*), ([a-z]+)\)$`).FindStringSubmatch(text)
			if inner == nil {
				t.Fatalf("variable %s: %q", v.Name, text)
			}
			all["variable "+v.Name] = fmt.Sprintf("count by (%s) (%s)", inner[2], inner[1])
		}
	}
	for _, rule := range alertRules(t) {
		all["alert "+rule.Alert] = rule.Expr
	}
	return all
}

// alertRule is one alert of the file.
type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string      `yaml:"name"`
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	read(t, alertsFile, func(text []byte, into any) error { return yaml.UnmarshalWithOptions(text, into, yaml.Strict()) }, &file)
	var all []alertRule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func read(t *testing.T, path string, decode func([]byte, any) error, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// series are the names of what is scraped, with the names of the labels, and those that Prometheus adds.
func series(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	label := regexp.MustCompile(`([a-z_]+)="`)
	for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `).FindAllStringSubmatch(scrape(t, used()), -1) {
		labels := map[string]bool{"instance": true, "job": true}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = true
		}
		all[m[1]] = labels
	}
	return all
}

var (
	metricName = regexp.MustCompile(`\b(?:tanker|process|go)_[a-z_]+`)
	selector   = regexp.MustCompile(`\b((?:tanker|process|go)_[a-z_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+) *[=!]~?"`)
	grouping   = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

func TestDashboardAndAlertsShowWhatIsThere(t *testing.T) {
	there, shown := series(t), map[string]bool{}
	for at, expr := range expressions(t) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: no metric in %s", at, expr)
		}
		for _, name := range names {
			if there[name] == nil {
				t.Errorf("%s: there is no metric %s", at, name)
			}
			shown[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")] = true
		}
		for _, s := range selector.FindAllStringSubmatch(expr, -1) {
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !there[s[1]][m[1]] {
					t.Errorf("%s: %s has no label %s", at, s[1], m[1])
				}
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(g[1], ",") {
				if label = strings.TrimSpace(label); !there[names[0]][label] {
					t.Errorf("%s: %s has no label %s", at, names[0], label)
				}
			}
		}
	}
	for _, name := range unique(regexp.MustCompile(`(?m)^# TYPE (tanker_[a-z_]+)`), scrape(t, used())) {
		if !shown[name] {
			t.Errorf("neither the dashboard nor an alert shows %s", name)
		}
	}
}

func TestAlertsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range alertRules(t) {
		if !strings.Contains(string(page), "`"+rule.Alert+"`") {
			t.Errorf("operations.md does not name the alert %s", rule.Alert)
		}
		if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s does not say how bad it is, what it means and what to do", rule.Alert)
		}
	}
}

// promtool runs Prometheus's own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	promtool(t, "check", "rules", alertsFile)
	promtool(t, "test", "rules", "../../deploy/prometheus/alerts_test.yaml")
}

// Prometheus's parser reads the dashboard's expressions as rules, with something in the place of Grafana's variables.
func TestDashboardIsPromQL(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	all := expressions(t)
	for _, at := range slices.Sorted(maps.Keys(all)) {
		expr := strings.NewReplacer("$__rate_interval", "5m", "$destination", ".*", "$instance", ".*", "$job", ".*").Replace(all[at])
		if strings.Contains(expr, "$") {
			t.Errorf("%s: a variable that there is not: %s", at, expr)
		}
		fmt.Fprintf(&rules, "  - record: checked\n    labels: {at: %q}\n    expr: %q\n", at, expr)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
}
