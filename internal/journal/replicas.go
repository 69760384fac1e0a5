package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// replicasEvery is how often it is looked at whether all servers have a stream.
const replicasEvery = 50 * time.Millisecond

// replicaInfo is what a stream's information says of the servers that keep it.
type replicaInfo struct {
	Error  *jetstream.APIError    `json:"error"`
	Config jetstream.StreamConfig `json:"config"`
	// The client's own type lacks what the servers are still to reach.
	Cluster *server.ClusterInfo `json:"cluster"`
}

// awaitReplicas waits until all servers that are to keep a stream, and that run, have all of it.
func (c *Copy) awaitReplicas(ctx context.Context, name string) error {
	tick := time.NewTicker(replicasEvery)
	defer tick.Stop()
	for {
		info, err := c.replicas(ctx, name)
		if err != nil {
			return err
		}
		if info.complete() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (c *Copy) replicas(ctx context.Context, name string) (*replicaInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	msg, err := c.conn().RequestWithContext(ctx, fmt.Sprintf(server.JSApiStreamInfoT, name), nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, ErrUnavailable, err)
	}
	info := &replicaInfo{}
	if err := json.Unmarshal(msg.Data, info); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if info.Error != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, ErrUnavailable, info.Error)
	}
	return info, nil
}

func (i *replicaInfo) complete() bool {
	if i.Cluster == nil || i.Config.Replicas == 1 {
		return true
	}
	have := 1 // the leader
	for _, r := range i.Cluster.Replicas {
		switch {
		case r.Current && r.Lag == 0 && !r.Pending:
			have++
		case !r.Offline:
			return false
		}
	}
	return i.Cluster.Leader != "" && i.Cluster.Desired == nil && have > i.Config.Replicas/2
}
