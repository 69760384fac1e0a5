package faults

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestJournalFull lets more come in than the journal may hold while Refiner is down.
func TestJournalFull(t *testing.T) {
	if !*full {
		t.Skip("takes half a minute: make faults")
	}
	inRounds(t, func(t *testing.T) {
		const each, bytes = 12, 64 << 10 // 150 MB
		tr := newTrial(t, setup{users: 200, padding: bytes, memory: mostWithLarge, journal: "  max_bytes: 64MiB\n"})
		tr.refiner.GoAway()
		tr.sendMeanwhile(each, 0)
		tr.await("the journal is full", 2*time.Minute, func() bool { return tr.traffic.Refused.Load() > 50 })
		tr.refiner.ComeBack(t)
		tr.holds(3 * time.Minute)
	})
}

// TestDiskNearlyFull lets something else take the disk but for less than what Tanker leaves free.
func TestDiskNearlyFull(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		disk := smallDisk(t, 96)
		tr := newTrial(t, setup{users: 100, dir: disk, journal: "  max_bytes: 64MiB\n  min_free: 16MiB\n"})
		tr.sendMeanwhile(size(20, 300), 600)
		tr.arrives(100, time.Minute)
		free := fill(t, disk, 12<<20)
		tr.await("events are refused", time.Minute, func() bool { return tr.traffic.Refused.Load() > 50 })
		free()
		tr.holds(2 * time.Minute)
	})
}

// TestDiskFull lets something else take the disk to the last byte, while events come in and outcomes have to be
// written down.
func TestDiskFull(t *testing.T) {
	if !*full {
		t.Skip("takes half a minute: make faults")
	}
	inRounds(t, func(t *testing.T) {
		disk := smallDisk(t, 96)
		tr := newTrial(t, setup{users: 100, dir: disk, journal: "  max_bytes: 64MiB\n  min_free: 16MiB\n"})
		tr.refiner.Become(busy)
		tr.sendMeanwhile(size(20, 300), 600)
		tr.arrives(100, time.Minute)
		free := fill(t, disk, 0)
		tr.await("events are refused", time.Minute, func() bool { return tr.traffic.Refused.Load() > 50 })
		tr.pass(size(time.Second, 20*time.Second))
		free()
		tr.holds(2 * time.Minute)
	})
}

// TestStartOnFullDisk kills Tanker, lets the disk be full when it starts, and frees it.
func TestStartOnFullDisk(t *testing.T) {
	inRounds(t, func(t *testing.T) {
		disk := smallDisk(t, 96)
		tr := newTrial(t, setup{users: 100, dir: disk, journal: "  max_bytes: 64MiB\n  min_free: 16MiB\n"})
		tr.refiner.Become(busy)
		tr.sendMeanwhile(20, 0)
		tr.arrives(100, time.Minute)
		tr.kill()
		free := fill(t, disk, 0)
		if err := tr.process.Launch(); err != nil {
			t.Fatal(err)
		}
		tr.pass(2 * time.Second)
		tr.kill()
		free()
		tr.start()
		tr.holds(2 * time.Minute)
	})
}

// smallDisk is a file system of some MiB, of its own.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, sizeOption(mib)); err != nil {
		t.Skipf("no small disk can be made: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes the room of a disk, but for some bytes, until the function that it returns is called.
func fill(t *testing.T, disk string, left int64) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(disk, &fs); err != nil {
		t.Fatal(err)
	}
	room := int64(fs.Bavail)*int64(fs.Bsize) - left
	for err == nil && (left == 0 || room > 0) { // to the last byte: until there is an error
		var n int
		n, err = f.WriteString(strings.Repeat("x", 4096))
		room -= int64(n)
	}
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

func sizeOption(mib int) string { return "size=" + strconv.Itoa(mib) + "m" }
