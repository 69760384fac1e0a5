package script

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// headroom is what the process may come to take beside the script's objects: garbage, stacks of threads, and what the Go
// runtime asks for ahead, in pieces of 64 MB.
const headroom = 384 << 20

// setCeiling makes the system refuse memory beyond the limit: no look every few milliseconds would notice one
// allocation of gigabytes in time.
func setCeiling(memory int64) error {
	has, err := dataSize()
	if err != nil {
		return err
	}
	most := uint64(has + memory + headroom)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: most, Max: most})
}

// dataSize is how much private memory the process has, in bytes.
func dataSize() (int64, error) {
	const path, place = "/proc/self/statm", 5 // "data", see proc(5)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) <= place {
		return 0, fmt.Errorf("%s has %d fields", path, len(fields))
	}
	pages, err := strconv.ParseInt(fields[place], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
