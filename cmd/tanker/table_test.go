package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	table := newTable("NAME", ">COUNT", "NOTE")
	table.add("ä", "1", "x")
	table.add("long name", "1,000")
	table.add("evil\x1b[2J\u202e", "", "a\nb")
	var out strings.Builder
	table.print(&out, "  ")
	want := "" +
		"  NAME       COUNT  NOTE\n" +
		"  ä              1  x\n" +
		"  long name  1,000\n" +
		"  evil·[2J·         a·b\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		number(0): "0", number(999): "999", number(1000): "1,000", number(1234567): "1,234,567", number(-1000): "-1,000", number(-100): "-100",
		bytesText(int64(0)): "0 B", bytesText(int64(1023)): "1023 B", bytesText(int64(1536)): "1.5 KiB", bytesText(int64(5 << 40)): "5.0 TiB", bytesText(int64(5 << 50)): "5120.0 TiB",
		span(-time.Hour): "0s", span(1234 * time.Microsecond): "1ms", span(59 * time.Second): "59s", span(90 * time.Second): "1m30s",
		span(3*time.Hour + 5*time.Minute): "3h5m", span(50 * time.Hour): "2d2h",
		short("abcdef", 6): "abcdef", short("äbcdefg", 6): "äbcde…",
		plural(1, "event"): "1 event", plural(2000, "event"): "2,000 events",
		reasons(map[string]uint64{"a": 1, "b": 2000, "c": 1, "d": 0}): "2,000 b, 1 a, 1 c",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h":                  now.Add(-24 * time.Hour),
		"2026-01-02T03:04:05Z": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1h", "yesterday", "2026-01-02"} {
		if _, err := parseMoment(text, now); err == nil {
			t.Errorf("%q: want an error", text)
		}
	}
}
