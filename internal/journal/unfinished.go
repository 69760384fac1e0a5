package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// unfinished is what is known of a copy that is not finished. In a directory it is a file, on a cluster a bucket.
type unfinished struct {
	From    string            `json:"from"`
	Streams map[string]Copied `json:"streams"` // by name
}

const (
	unfinishedFile = "UNFINISHED"

	bucketUnfinished = "UNFINISHED"
	keyUnfinished    = "copy"
)

// refuseUnfinished says that the journal is an unfinished copy, if it is one.
func (j *Journal) refuseUnfinished(ctx context.Context) error {
	noted, err := j.readUnfinished(ctx)
	if err != nil {
		return fmt.Errorf("open journal at %s: %w", j.place(), err)
	}
	if noted == nil {
		return nil
	}
	return fmt.Errorf("%s: %w of %s", j.place(), ErrUnfinished, noted.From)
}

// readUnfinished reads what is known of a copy; nil if the journal is none.
func (j *Journal) readUnfinished(ctx context.Context) (*unfinished, error) {
	read := j.readUnfinishedFile
	if j.cluster != nil {
		read = j.readUnfinishedBucket
	}
	data, err := read(ctx)
	if err != nil || data == nil {
		return nil, err
	}
	noted := &unfinished{}
	if err := json.Unmarshal(data, noted); err != nil || noted.Streams == nil {
		return nil, fmt.Errorf("%s: what is known of the unfinished copy: %w", j.place(), ErrCorrupt)
	}
	return noted, nil
}

// writeUnfinished notes how far a copy is.
func (j *Journal) writeUnfinished(ctx context.Context, noted unfinished) error {
	data, err := json.Marshal(noted)
	if err != nil {
		return err
	}
	write := j.writeUnfinishedFile
	if j.cluster != nil {
		write = j.writeUnfinishedBucket
	}
	if err := write(ctx, data); err != nil {
		return fmt.Errorf("note how far the copy is: %w", err)
	}
	return nil
}

func (j *Journal) readUnfinishedFile(context.Context) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(j.opts.Dir, unfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (j *Journal) writeUnfinishedFile(_ context.Context, data []byte) error {
	path := filepath.Join(j.opts.Dir, unfinishedFile)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return errors.Join(syncFile(path+".new"), os.Rename(path+".new", path), syncFile(j.opts.Dir))
}

func (j *Journal) readUnfinishedBucket(ctx context.Context) ([]byte, error) {
	bucket, err := j.js.KeyValue(ctx, bucketUnfinished)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bucket %s: %w: %w", bucketUnfinished, ErrUnavailable, err)
	}
	entry, err := bucket.Get(ctx, keyUnfinished)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bucket %s: %w: %w", bucketUnfinished, ErrUnavailable, err)
	}
	return entry.Value(), nil
}

func (j *Journal) writeUnfinishedBucket(ctx context.Context, data []byte) error {
	bucket, err := j.openBucket(ctx, bucketUnfinished, pausedRoom)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if _, err := bucket.Put(ctx, keyUnfinished, data); err != nil {
		return writeError("write bucket "+bucketUnfinished, err)
	}
	return nil
}

// syncTree writes everything in a directory through to the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
