package main

import (
	"strings"
	"testing"
	"time"

	"tanker/internal/admin"
)

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
