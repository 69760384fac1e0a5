package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// leastVersion is the first version of NATS whose consumers can have several filters, as those of destinations with several
// sources do. Nothing else asks for a newer one: packs need no atomic batches.
var leastVersion = [2]int{2, 10}

// openPatience is how long a start waits for servers that are choosing a leader.
const openPatience = 30 * time.Second

// checkServers refuses a cluster that cannot keep a journal, and says why.
func (j *Journal) checkServers(ctx context.Context) error {
	if j.cluster == nil {
		return nil
	}
	conn := j.cluster.conn
	if version := conn.ConnectedServerVersion(); olderThan(version, leastVersion) {
		return fmt.Errorf("%w: %s runs NATS %s, and %d.%d or newer is needed, where a consumer can have several filters: upgrade it",
			ErrUnfit, conn.ConnectedServerName(), version, leastVersion[0], leastVersion[1])
	}
	if most := conn.MaxPayload(); most < maxPayload {
		return fmt.Errorf("%w: the servers take messages of %d bytes at most, and events need %d: set max_payload: 8MB in their configuration",
			ErrUnfit, most, maxPayload)
	}
	return j.patiently(ctx, func() error {
		account, err := j.js.AccountInfo(ctx)
		switch {
		case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
			return fmt.Errorf("%w: JetStream is not enabled there, or not for this account: add a section jetstream to the servers' configuration, or to the account's",
				ErrUnfit)
		case err != nil:
			return fmt.Errorf("ask for the account's limits: %w: %w", ErrUnavailable, err)
		}
		return j.checkAccount(account)
	})
}

// checkAccount compares what an account may use with what the streams that are not there yet need at most.
func (j *Journal) checkAccount(account *jetstream.AccountInfo) error {
	var bytes int64
	configs := j.configs()
	for _, c := range configs {
		bytes += c.MaxBytes * int64(c.Replicas)
	}
	limits := account.Limits
	if most := limits.MaxStore; most > 0 && bytes > most && account.Streams == 0 {
		return fmt.Errorf("%w: the account may store %s, and the journal needs %s (journal.max_bytes and what goes with it, on %d servers): raise the account's limit, or lower journal.max_bytes",
			ErrUnfit, mebibytes(most), mebibytes(bytes), j.opts.Cluster.Replicas)
	}
	if most := limits.MaxStreams; most > 0 && len(configs) > most {
		return fmt.Errorf("%w: the account may have %d streams, and the journal needs %d: raise the account's limit", ErrUnfit, most, len(configs))
	}
	return nil
}

// olderThan compares a version such as 2.10.3-beta with a first one. One that cannot be read is taken for new.
func olderThan(version string, least [2]int) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errMajor := strconv.Atoi(major)
	b, errMinor := strconv.Atoi(minor)
	if errMajor != nil || errMinor != nil {
		return false
	}
	return a < least[0] || a == least[0] && b < least[1]
}

// patiently tries something again while the servers of a cluster do not answer, or are choosing a leader, up to
// openPatience.
func (j *Journal) patiently(ctx context.Context, do func() error) error {
	for end := time.Now().Add(openPatience); ; {
		err := do()
		if err == nil || j.cluster == nil || ctx.Err() != nil || time.Now().After(end) || !passes(err) {
			return err
		}
		j.opts.Logger.Warn("the journal's servers are not ready, trying again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// passes reports whether an error may pass by itself.
func passes(err error) bool {
	const unavailable = 503
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.Code == unavailable
	}
	return !errors.Is(err, ErrUnfit) && (errors.Is(err, ErrUnavailable) || errors.Is(err, context.DeadlineExceeded))
}
