// Package deploy_test checks the files that run Tanker elsewhere with the programs that will read them, as far as those
// are there. The manifests and the composition have a module of tests of their own, check.
package deploy_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"tanker/internal/config"
)

func TestConfigurationsAreRight(t *testing.T) {
	for _, path := range []string{"compose/tanker.yaml", "kubernetes/base/tanker.yaml"} {
		if _, err := config.LoadWithoutSecrets(path); err != nil {
			t.Error(err)
		}
	}
}

// The variables that the files of keys name are those that the configuration asks for.
func TestKeysComeFromTheEnvironment(t *testing.T) {
	for path, where := range map[string]string{
		"compose/tanker.yaml":         "compose/compose.yaml",
		"kubernetes/base/tanker.yaml": "kubernetes/base/kustomization.yaml",
	} {
		given := read(t, where)
		for _, m := range regexp.MustCompile(`_env: ([A-Z_]+)`).FindAllStringSubmatch(read(t, path), -1) {
			if !strings.Contains(given, m[1]) {
				t.Errorf("%s asks for %s, and %s does not give it", path, m[1], where)
			}
		}
	}
	example := read(t, "compose/.env.example")
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(read(t, "compose/compose.yaml"), -1) {
		if !strings.Contains(example, "\n"+m[1]+"=\n") {
			t.Errorf("compose.yaml asks for %s, which .env.example does not name", m[1])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The server's own reader takes the configuration of the servers.
func TestServersSync(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "secret")
	for n := 1; n <= 3; n++ {
		t.Setenv(fmt.Sprintf("ROUTE_%d", n), fmt.Sprintf("nats://route:secret@nats-%d:6222", n))
	}
	o, err := server.ProcessConfigFile("compose/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	if !o.JetStream || !o.SyncAlways || o.StoreDir == "" || o.MaxPayload < 8<<20 || o.Username == "" || o.Password != "secret" || len(o.Routes) != 3 {
		t.Errorf("JetStream %v, sync always %v in %q, payload %d, user %q, routes %d",
			o.JetStream, o.SyncAlways, o.StoreDir, o.MaxPayload, o.Username, len(o.Routes))
	}
	if o.Cluster.Username == "" || o.Cluster.Password != "secret" {
		t.Error("the servers let anybody into their cluster")
	}
	for _, route := range o.Routes {
		if password, _ := route.User.Password(); route.User.Username() != o.Cluster.Username || password != "secret" {
			t.Errorf("the servers do not let each other in: %s", route.Redacted())
		}
	}
}

// tool says whether a program is installed.
func tool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
}

func TestBalancer(t *testing.T) {
	tool(t, "haproxy")
	hosts := regexp.MustCompile(`(tanker-\d) tanker-\d:8080`).ReplaceAllString(read(t, "compose/haproxy.cfg"), "$1 127.0.0.1:8080")
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(hosts), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "haproxy", "-c", "-f", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnit(t *testing.T) {
	tool(t, "systemd-analyze")
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tanker.service")
	text := strings.Replace(read(t, "systemd/tanker.service"), "/usr/local/bin/tanker", program, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Fatalf("security: %v\n%s", err, out)
	}
	m := regexp.MustCompile(`exposure level for tanker.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%s", out)
	}
	const most = 1.5 // of 10, which is what a unit without any of this has
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > most {
		t.Errorf("the exposure is %s, want at most %s", m[1], fmt.Sprint(most))
	}
}

// What the unit and the image say of stopping fits with how long Tanker takes.
func TestThereIsTimeToStop(t *testing.T) {
	stop := config.Default().StopTimeout.Seconds()
	for path, pattern := range map[string]string{
		"systemd/tanker.service":           `TimeoutStopSec=(\d+)`,
		"compose/compose.yaml":             `stop_grace_period: (\d+)s`,
		"kubernetes/base/statefulset.yaml": `terminationGracePeriodSeconds: (\d+)`,
	} {
		m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, path))
		if m == nil {
			t.Fatalf("%s does not say how long a stop may take", path)
		}
		if seconds, err := strconv.ParseFloat(m[1], 64); err != nil || seconds <= stop {
			t.Errorf("%s gives %s s to stop, which takes up to %v s", path, m[1], stop)
		}
	}
}
