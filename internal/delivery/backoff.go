package delivery

import "time"

// A retry waits at least a second and at most five minutes, however often it has failed.
const (
	backoffFirst = 2 * time.Second
	backoffMax   = 5 * time.Minute
)

// backoff is how long to wait after a number of failed attempts: the step doubles from one attempt to the next, and
// a random part of its second half spreads calls that have failed together. random is in [0, 1).
func backoff(attempts int, random float64) time.Duration {
	step := grown(backoffFirst, backoffMax, attempts-1)
	return step/2 + time.Duration(random*float64(step/2))
}

// grown is first doubled times over, at most limit.
func grown(first, limit time.Duration, times int) time.Duration {
	for ; times > 0 && first < limit; times-- {
		first *= 2
	}
	return min(first, limit)
}
