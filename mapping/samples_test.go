package mapping

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what comes out into testdata/samples")

// TestSamples maps the sample calls of RudderStack's description, as its JavaScript SDK sends them. Each file
// holds the event and, behind the name of each profile, the call.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/samples/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			message, _, _ := strings.Cut(string(data), "\n")
			got := message + "\n"
			for _, profile := range []Profile{Documented, Upstream} {
				got += "-- " + string(profile) + "\n" + mapped(t, newMapper(t, Settings{Profile: profile}), message) + "\n"
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(data), got); diff != "" && !*update {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
