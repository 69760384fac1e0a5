package telemetry_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := unique(regexp.MustCompile("`(tanker_[a-z_]+)`"), string(page))
	there := unique(regexp.MustCompile(`(?m)^# TYPE (tanker_[a-z_]+)`), scrape(t, used()))
	if diff := cmp.Diff(there, documented); diff != "" {
		t.Errorf("(-there are +documented):\n%s", diff)
	}
}

// unique are the first groups of all matches, sorted, each once.
func unique(pattern *regexp.Regexp, text string) []string {
	var all []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}
