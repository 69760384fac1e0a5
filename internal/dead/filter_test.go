package dead

import (
	"strings"
	"testing"
	"time"

	"tanker/internal/journal"
)

func TestFilters(t *testing.T) {
	log := &memory{}
	began := letter("m1", "u1", "no").At
	for i, id := range []string{"m1", "m2", "m3", "m4"} {
		l := letter(id, "u1", "no")
		l.At = began.Add(time.Duration(i) * time.Second)
		switch id {
		case "m2":
			l.User, l.Reason = "special", "retry_window_passed"
		case "m4":
			l.Destination = "testing"
		}
		log.add(l)
	}
	for _, test := range []struct {
		filter journal.DeadFilter
		want   string
	}{
		{journal.DeadFilter{}, "m1 m2 m3 m4"},
		{journal.DeadFilter{Destination: "production"}, "m1 m2 m3"},
		{journal.DeadFilter{Destination: "none"}, ""},
		{journal.DeadFilter{Reason: "retry_window_passed"}, "m2"},
		{journal.DeadFilter{User: "special"}, "m2"},
		{journal.DeadFilter{Since: began.Add(time.Second)}, "m2 m3 m4"},
		{journal.DeadFilter{Until: began.Add(time.Second)}, "m1"},
		{journal.DeadFilter{Since: began.Add(time.Second), Until: began.Add(3 * time.Second)}, "m2 m3"},
	} {
		page, err := List(t.Context(), log, Filter{DeadFilter: test.filter})
		if err != nil || page.Next != 0 {
			t.Fatal(err, page.Next)
		}
		var ids []string
		for _, l := range page.Letters {
			ids = append(ids, l.MessageID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.filter, got, test.want)
		}
	}
}
