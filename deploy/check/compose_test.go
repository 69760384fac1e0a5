package check

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the composition as Docker Compose does: schema, anchors, variables and references included.
func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose/compose.yaml"}, cli.WithEnv(env), cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

var secrets = []string{"NATS_PASSWORD=np", "TANKER_ADMIN_TOKEN=at", "TANKER_WRITE_KEY=wk", "REFINER_API_KEY=rk"}

func TestCompositionIsRight(t *testing.T) {
	p, err := compose(t, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	if names := p.ServiceNames(); !slices.Equal(names, []string{"balancer", "nats-1", "nats-2", "nats-3", "tanker-1", "tanker-2"}) {
		t.Errorf("services: %v", names)
	}
	for name, s := range p.Services {
		if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do too much", name)
		}
		for _, port := range s.Ports {
			if name != "balancer" && port.HostIP != "127.0.0.1" {
				t.Errorf("%s is reachable from outside at port %s", name, port.Published)
			}
		}
		for _, c := range s.Configs {
			if _, ok := p.Configs[c.Source]; !ok {
				t.Errorf("%s: there is no configuration %s", name, c.Source)
			}
		}
	}
}

func TestCompositionAsksForItsSecrets(t *testing.T) {
	for i := range secrets {
		env := slices.Delete(slices.Clone(secrets), i, i+1)
		if _, err := compose(t, env...); err == nil {
			t.Errorf("starts without %s", secrets[i])
		}
	}
}
