package natstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Server is one NATS server of a cluster.
type Server struct {
	// Name is what the server calls itself: n1, n2, …
	Name string

	cluster         *Cluster
	dir             string
	clients, routes string   // addresses that it listens on
	address         string   // where clients reach it
	link            *Link    // between it and its clients
	between         []*Link  // between it and the other servers
	peers           []string // where it reaches the other servers' routes

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// URL is where clients find the server.
func (s *Server) URL() string { return "nats://" + s.address }

// Dir is where the server keeps its data.
func (s *Server) Dir() string { return filepath.Join(s.dir, "data") }

func (s *Server) configFile() string { return filepath.Join(s.dir, "nats-server.conf") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// configure writes the server's configuration.
func (s *Server) configure() error {
	o := &s.cluster.opts
	var text strings.Builder
	fmt.Fprintf(&text, "server_name: %s\nlisten: %s\nmax_payload: %d\nlame_duck_duration: 30s\nlame_duck_grace_period: 100ms\n",
		s.Name, s.clients, o.MaxPayload)
	if o.JetStream != "-" {
		sync := `"2m"`
		if o.SyncAlways {
			sync = "always"
		}
		fmt.Fprintf(&text, "jetstream { store_dir: %q, sync_interval: %s, %s }\n", s.Dir(), sync, o.JetStream)
	}
	if len(s.peers) > 0 {
		// Nobody is told where this server is: each reaches the others by its own links alone.
		fmt.Fprintf(&text, "cluster { name: natstest, listen: %s, advertise: \"127.0.0.1:1\", no_advertise: true, routes: [%s] }\n",
			s.routes, "nats://"+strings.Join(s.peers, ", nats://"))
	}
	text.WriteString(o.Config)
	return os.WriteFile(s.configFile(), []byte(text.String()), 0o600)
}

// Start starts the server and waits until it takes connections, not until it has caught up with the others.
func (s *Server) Start() error {
	path, args := s.cluster.opts.Binary, []string{"-c", s.configFile()}
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		path, args = self, nil
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), variable+"="+s.configFile())
	cmd.SysProcAttr = dieWithParent()
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start NATS server: %w", err)
	}
	done := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait() // also when it is killed
		close(done)
	}()
	return nil
}

// Log is what the server has said so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.logFile())
	return string(text)
}

// Running reports whether the server's process is there.
func (s *Server) Running() bool {
	cmd, done := s.process()
	if cmd == nil {
		return false
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func (s *Server) process() (*exec.Cmd, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd, s.done
}

// Signal sends the server's process a signal. That it is gone is no error.
func (s *Server) Signal(signal syscall.Signal) {
	if cmd, _ := s.process(); cmd != nil {
		_ = cmd.Process.Signal(signal)
	}
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in order.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(signal syscall.Signal) {
	s.Signal(signal)
	s.Signal(syscall.SIGCONT) // one that stands still does not end
	s.Wait()
}

// Wait waits until the server has ended.
func (s *Server) Wait() {
	if cmd, done := s.process(); cmd != nil {
		<-done
	}
}

// Pause has the server stand still, its connections open, until Resume.
func (s *Server) Pause() { s.Signal(syscall.SIGSTOP) }

// Resume lets the server go on.
func (s *Server) Resume() { s.Signal(syscall.SIGCONT) }

// LameDuck has the server send its clients away and end.
func (s *Server) LameDuck() { s.Signal(syscall.SIGUSR2) }

// Link is the way from the clients to the server; nil without Options.Links.
func (s *Server) Link() *Link { return s.link }

// Isolate cuts the server off from the other servers. Clients still reach it. It takes Options.Links.
func (s *Server) Isolate() {
	for _, l := range s.between {
		l.Cut()
	}
}

// Rejoin ends Isolate.
func (s *Server) Rejoin() {
	for _, l := range s.between {
		l.Heal()
	}
}

// PID is the number of the server's process, which has been started.
func (s *Server) PID() int {
	cmd, _ := s.process()
	return cmd.Process.Pid
}

// CPU is the processor time, in seconds, that the server took before it ended.
func (s *Server) CPU() float64 {
	cmd, _ := s.process()
	if cmd == nil || cmd.ProcessState == nil {
		return 0
	}
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

// Address is where the server listens for clients, without a link in between.
func (s *Server) Address() string { return s.clients }
