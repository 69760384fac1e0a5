package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// maxPayload is the largest stream message: NATS advises against more than 8 MB.
const maxPayload = 8 << 20

// embedded is the NATS server that lives in this process. It opens no port.
type embedded struct {
	server  *server.Server
	storage server.JetStreamConfig
	conn    *nats.Conn
}

// maxStore bounds the sum of what the streams may take, which each bounds for itself. It has to be out of the way: when
// the journal is given less room than before, as by a disk that others fill, the streams still have their old bounds
// when the server starts, and one that is over its own bound lets no stream be made smaller.
const maxStore = 1 << 60

// slowStart is when an operator is told that the server takes long to start.
const slowStart = 30 * time.Second

func startEmbedded(o Options) (*embedded, error) {
	options := &server.Options{
		ServerName:             "tanker",
		DontListen:             true,
		NoSigs:                 true,
		NoSystemAccount:        true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               o.Dir,
		SyncAlways:             o.SyncEvery == 0,
		SyncInterval:           o.SyncEvery,
		MaxPayload:             maxPayload,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      maxStore,
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("start journal in %s: %w", o.Dir, err)
	}
	s.SetLoggerV2(&serverLog{o.Logger}, false, false, false)
	slow := time.AfterFunc(slowStart, func() {
		o.Logger.Warn("the journal takes long to open; if it does not end, the disk may have damaged an index: stop, remove the files index.db, start",
			"dir", o.Dir)
	})
	s.Start()
	slow.Stop()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start journal in %s: %w: no answer within 30 s", o.Dir, ErrUnavailable)
	}
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.Name("tanker"), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Logger.Warn("journal client", "error", err)
		}))
	if err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("connect to the embedded journal: %w", err)
	}
	return &embedded{server: s, storage: storageConfig(options), conn: conn}, nil
}

func (e *embedded) stop() {
	e.conn.Close()
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

// health reports what the server knows is wrong with it: it does not notice a disk that fills up, but it
// does notice that it could not write.
func (e *embedded) health() error {
	status := e.server.Healthz(&server.HealthzOptions{})
	if status.Status != "ok" {
		return fmt.Errorf("%w: %s", ErrUnavailable, status.Error)
	}
	return nil
}

// serverLog passes the server's own log on: what it warns of stays a warning, the rest is for debugging.
type serverLog struct{ log *slog.Logger }

func (l *serverLog) Noticef(format string, v ...any) { l.write(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.write(slog.LevelWarn, format, v) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.write(slog.LevelError, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.write(slog.LevelError, format, v) }
func (l *serverLog) Debugf(string, ...any)           {}
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) write(level slog.Level, format string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "journal server: "+fmt.Sprintf(format, v...))
	}
}

// closedConn says whether an error only means that the connection was closed on purpose.
func closedConn(err error) bool {
	return errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrConnectionDraining)
}
