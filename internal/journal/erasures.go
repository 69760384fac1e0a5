package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// What is known of erasures is in the bucket ERASURES: for each job a record, which names nobody. The names of whom it erases
// are in the stream ERASING while it is at work. They are written once and never in the place of others, so that
// overwriting them leaves nothing.

// SaveErasure writes down what is known of a job.
func (j *Journal) SaveErasure(ctx context.Context, job string, data []byte) error {
	if _, err := j.erasures.Put(ctx, job, data); err != nil {
		return writeError("save erasure "+job, err)
	}
	return nil
}

// DeleteErasure forgets a job.
func (j *Journal) DeleteErasure(ctx context.Context, job string) error {
	if err := j.erasures.Purge(ctx, job); err != nil {
		return writeError("delete erasure "+job, err)
	}
	return nil
}

// SavedErasures reads what is known of all jobs.
func (j *Journal) SavedErasures(ctx context.Context) (map[string][]byte, error) {
	keys, err := j.erasures.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w: %w", ErrUnavailable, err)
	}
	saved := map[string][]byte{}
	for key := range keys.Keys() {
		if reservedErasureKey(key) {
			continue
		}
		entry, err := j.erasures.Get(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read erasure %s: %w: %w", key, ErrUnavailable, err)
		}
		saved[key] = entry.Value()
	}
	return saved, nil
}

// AddErasureNames keeps a part of the names of whom a job erases. Parts have numbers from 0; one that is kept already stays
// as it is.
func (j *Journal) AddErasureNames(ctx context.Context, job string, part int, data []byte) error {
	subject := subjectErasing + job + "." + strconv.Itoa(part)
	_, err := j.js.Publish(ctx, subject, data, jetstream.WithExpectLastSequencePerSubject(0))
	if err != nil && !overtaken(err) {
		return writeError("save erasure "+job, err)
	}
	return nil
}

// ErasureNames reads the parts, in order.
func (j *Journal) ErasureNames(ctx context.Context, job string) ([][]byte, error) {
	var parts [][]byte
	err := j.eachErasureNames(ctx, job, func(msg *jetstream.RawStreamMsg) error {
		parts = append(parts, msg.Data)
		return nil
	})
	return parts, err
}

// DropErasureNames overwrites the names of a job on the disk.
func (j *Journal) DropErasureNames(ctx context.Context, job string) error {
	return j.eachErasureNames(ctx, job, func(msg *jetstream.RawStreamMsg) error {
		return j.overwrite(ctx, j.names, msg.Sequence)
	})
}

func (j *Journal) eachErasureNames(ctx context.Context, job string, do func(*jetstream.RawStreamMsg) error) error {
	for seq := uint64(1); ; seq++ {
		msg, err := j.names.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subjectErasing+job+".>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read erasure %s: %w: %w", job, ErrUnavailable, err)
		}
		if err := do(msg); err != nil {
			return err
		}
		seq = msg.Sequence
	}
}

// ErasingJobs lists the jobs whose names are kept.
func (j *Journal) ErasingJobs(ctx context.Context) ([]string, error) {
	info, err := j.names.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w: %w", ErrUnavailable, err)
	}
	jobs := map[string]bool{}
	for subject := range info.State.Subjects {
		job, _, _ := strings.Cut(strings.TrimPrefix(subject, subjectErasing), ".")
		jobs[job] = true
	}
	return slices.Sorted(maps.Keys(jobs)), nil
}

// AddErasure writes down what is known of a new job. It says false if there is a job of this name.
func (j *Journal) AddErasure(ctx context.Context, job string, data []byte) (bool, error) {
	_, err := j.erasures.Create(ctx, job, data)
	if errors.Is(err, jetstream.ErrKeyExists) {
		return false, nil
	}
	if err != nil {
		return false, writeError("save erasure "+job, err)
	}
	return true, nil
}
