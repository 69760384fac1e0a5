package natstest_test

import (
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tanker/internal/natstest"
)

func TestMain(m *testing.M) {
	natstest.ServeIfAsked()
	os.Exit(m.Run())
}

// TestCluster kills, isolates and restarts servers: what was acknowledged stays.
func TestCluster(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Links: true})
	conn, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "A", Subjects: []string{"a"}, Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; {
			if _, err := js.Publish(t.Context(), "a", []byte("x")); err == nil {
				return
			} else if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	publish()
	leader := c.Servers[0]
	leader.Kill()
	if leader.Running() {
		t.Error("a server runs that was killed")
	}
	publish()
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Servers {
		s.Link().Cut()
	}
	if _, err := js.Publish(t.Context(), "a", nil); err == nil {
		t.Error("published without a link")
	}
	for _, s := range c.Servers {
		s.Link().Heal()
	}
	publish()
	info, err := stream.Info(t.Context())
	if err != nil || info.State.Msgs < 3 {
		t.Errorf("%+v, %v; want 3 messages", info, err)
	}
}
