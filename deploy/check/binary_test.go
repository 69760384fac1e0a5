package check

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The image has nothing but the program, so the program must need nothing. It is built by the command of the Dockerfile.
func TestBinaryIsStatic(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`RUN (CGO_ENABLED=0 go build .*) -o /tanker (\S+)`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("the Dockerfile does not build a static program")
	}
	path := filepath.Join(t.TempDir(), "tanker")
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(m[1], "$VERSION", "test")+" -o "+path+" "+m[2])
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			t.Error("the program needs a dynamic linker")
		}
	}
	if out, err := exec.CommandContext(t.Context(), path, "version").Output(); err != nil || !strings.HasPrefix(string(out), "tanker test ") {
		t.Errorf("%s, %v", out, err)
	}
	if info, err := os.Stat(path); err == nil {
		t.Logf("%.1f MB", float64(info.Size())/1e6)
	}
}
