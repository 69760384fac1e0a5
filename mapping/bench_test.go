package mapping

import (
	"os"
	"testing"

	"tanker/event"
)

// BenchmarkMap parses and maps an event of 1 KB, as the JavaScript SDK sends it.
func BenchmarkMap(b *testing.B) {
	for _, profile := range []Profile{Documented, Upstream} {
		for _, kind := range []string{"identify", "track", "page", "group"} {
			data, err := os.ReadFile("testdata/bench/" + kind + ".json")
			if err != nil {
				b.Fatal(err)
			}
			m := newMapper(b, Settings{Profile: profile})
			b.Run(string(profile)+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					e, err := event.Parse(data, event.Limits{})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := m.Map(e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
