package main

import (
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
)

func TestStatusShowsWhoDelivers(t *testing.T) {
	now := time.Now()
	var out strings.Builder
	printStatus(&out, admin.Status{
		Node:         "tanker-a",
		Destinations: []admin.DestinationStatus{{Name: "production", State: "idle", Owner: "tanker-b", OwnedSince: now.Add(-time.Hour)}},
		Members: []admin.MemberStatus{
			{Name: "tanker-a", Version: "1.2.3", Started: now.Add(-time.Hour), Admin: "http://a:8081", Holds: []string{"job.janitor"}},
			{Name: "tanker-b", Version: "1.2.3", Started: now.Add(-time.Hour), Admin: "http://b:8081", Differs: true, Holds: []string{"destination.production"}},
			{Name: "tanker-c", Version: "1.2.3", Started: now.Add(-time.Hour), Admin: "http://c:8081", Silent: 5},
		},
	}, now)
	for _, want := range []string{
		"\nproduction\n  delivered by tanker-b for 1h", "tanker-a (this one) ", "tanker-b * ", " production\n", "not heard of for 5 s", "\n* ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestStatusShowsWhatIsParked(t *testing.T) {
	var out strings.Builder
	printStatus(&out, admin.Status{Destinations: []admin.DestinationStatus{
		{Name: "production", State: "waiting", Pending: 50_001, Parked: 50_000, UsersParked: 2},
		{Name: "testing", State: "idle"},
	}}, time.Now())
	if got := out.String(); !strings.HasSuffix(got, "\nproduction\n  parked: 50,000 events of 2 users\n") {
		t.Errorf("got\n%s", got)
	}
}
