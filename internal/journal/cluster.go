package journal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Cluster says how to reach a NATS server, or several that belong together, outside of this process.
type Cluster struct {
	// URL is where they are: nats://host:port, several separated by commas. tls:// asks for TLS. Empty means that the
	// server is in this process, and nothing else here counts.
	URL string
	// Credentials is the path of a file with a user's JWT and key, as nsc makes them. Empty means none.
	Credentials string
	// CAFile is the path of a file in PEM with the authorities that the servers' certificates are from. Empty means
	// those that the system knows.
	CAFile string
	// CertFile and KeyFile are the paths of a certificate and its key in PEM, by which the servers know this client.
	// Empty means none.
	CertFile, KeyFile string
	// Replicas is on how many servers everything is kept. Zero means 3.
	Replicas int
}

// defaultReplicas survives the loss of one server.
const defaultReplicas = 3

// clusterRoom is how large the events may become on servers whose disks are not ours to look at.
const clusterRoom = 8 << 30

// How the connection to servers elsewhere is watched and made anew.
const (
	connectTimeout = 5 * time.Second
	pingEvery      = 2 * time.Second // an answer that is missing twice means that the connection is broken
	pingsMissing   = 2
	reconnectFirst = 100 * time.Millisecond
	reconnectMost  = 5 * time.Second
)

// connectCluster connects to servers outside of this process. The connection is made anew for ever when it breaks, and
// what is sent meanwhile fails at once.
func connectCluster(ctx context.Context, o Options) (*nats.Conn, error) {
	options, err := o.Cluster.options(o.Writer, o.Logger)
	if err != nil {
		return nil, err
	}
	var conn *nats.Conn
	connected := make(chan error, 1)
	go func() {
		var err error
		conn, err = nats.Connect(o.Cluster.URL, options...)
		connected <- err
	}()
	select {
	case err = <-connected:
	case <-ctx.Done():
		go func() {
			if err := <-connected; err == nil {
				conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the journal at %s: %w: %w", o.Cluster.Servers(), ErrUnavailable, explainConnect(err))
	}
	return conn, nil
}

// explainConnect adds to an error of the client what to do about it.
func explainConnect(err error) error {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("%w: see that they run and can be reached from here", err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return fmt.Errorf("%w: see that the credentials are this cluster's and have not expired", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: name the authority's file in journal.tls.ca_file", err)
	}
	return err
}

// Servers is the URL without what is secret in it.
func (c *Cluster) Servers() string {
	all := strings.Split(c.URL, ",")
	for i, one := range all {
		all[i] = withoutUser(strings.TrimSpace(one))
	}
	return strings.Join(all, ",")
}

func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		_, after, found := strings.Cut(address, "@")
		if found {
			return after
		}
		return address
	}
	u.User = nil
	return u.String()
}

// options are those of the connection.
func (c *Cluster) options(name string, log *slog.Logger) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("tanker " + name), nats.Timeout(connectTimeout),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsMissing),
		nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection to the journal is broken", "error", err)
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			log.Info("connected to the journal again", "server", conn.ConnectedServerName(), "url", conn.ConnectedUrlRedacted())
		}),
		nats.LameDuckModeHandler(func(conn *nats.Conn) {
			log.Info("the journal's server is about to stop, going to another", "server", conn.ConnectedServerName())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("journal client", "error", err)
		}),
	}
	if c.Credentials != "" {
		if _, err := os.Stat(c.Credentials); err != nil {
			return nil, fmt.Errorf("journal credentials: %w", err)
		}
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	security, err := c.tls()
	if err != nil {
		return nil, err
	}
	if security != nil {
		options = append(options, nats.Secure(security))
	}
	return options, nil
}

// tls is what the files in PEM say; nil if there are none.
func (c *Cluster) tls() (*tls.Config, error) {
	if c.CAFile == "" && c.CertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("journal tls: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("journal tls: %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("journal tls: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// reconnectDelay is the pause after all servers were tried in vain. It is never the same, so that many clients do not come at
// once.
func reconnectDelay(attempts int) time.Duration {
	most := reconnectMost
	if attempts < 6 {
		most = min(most, reconnectFirst<<attempts)
	}
	return most/2 + rand.N(most/2)
}
