package config

import "strings"

// The environment variables that Tanker reads.
const (
	envWriteKey    = "TANKER_WRITE_KEY"
	envAPIKey      = "REFINER_API_KEY"
	envEndpoint    = "REFINER_ENDPOINT"
	envDataDir     = "TANKER_DATA_DIR"
	envListen      = "TANKER_LISTEN"
	envAdminListen = "TANKER_ADMIN_LISTEN"
	envAdminToken  = "TANKER_ADMIN_TOKEN"
	envJournalURL  = "TANKER_JOURNAL_URL"
)

// WorkspaceVariable is the environment variable that names a workspace configuration.
const WorkspaceVariable = "TANKER_WORKSPACE_CONFIG"

// The names of the source and the destination of a Tanker without a configuration file.
const (
	EnvironmentSource      = "default"
	EnvironmentDestination = "refiner"
)

// fromEnvironment makes one source and one destination out of the environment, unless it names a workspace configuration.
func (c *Config) fromEnvironment(getenv func(string) string, found *findings) {
	if getenv(WorkspaceVariable) != "" {
		if endpoint := getenv(envEndpoint); endpoint != "" {
			c.Workspace.Endpoint = endpoint
			found.places["workspace.endpoint"] = place{file: envEndpoint}
		}
		return
	}
	c.FromEnvironment = true
	source, destination := DefaultSource(), DefaultDestination()
	source.Name, destination.Name = EnvironmentSource, EnvironmentDestination
	source.WriteKey = requiredVariable(getenv, envWriteKey, "the key that your SDKs present, for example "+envWriteKey+"=any-long-secret", found)
	destination.APIKey = requiredVariable(getenv, envAPIKey, "the API key of your Refiner environment, from its settings, for example "+envAPIKey+"=1a2b3c…", found)
	if endpoint := getenv(envEndpoint); endpoint != "" {
		destination.Endpoint = endpoint
		found.places["destinations[0].endpoint"] = place{file: envEndpoint}
	}
	c.Sources, c.Destinations = []Source{source}, []Destination{destination}
	found.places["sources[0].write_key"] = place{file: envWriteKey}
	found.places["destinations[0].api_key"] = place{file: envAPIKey}
}

// requiredVariable is the value of a variable; if it has none, that is a problem of its own.
func requiredVariable(getenv func(string) string, name, what string, found *findings) Secret {
	value := strings.TrimSpace(getenv(name))
	if value == "" {
		found.problems = append(found.problems, Problem{File: name, Message: "is not set: " + what})
	}
	return NewSecret(value)
}

// override lets the environment say where this Tanker listens, keeps its data and finds its workspace, whatever a file
// says.
func (c *Config) override(getenv func(string) string, found *findings) {
	for variable, setting := range map[string]struct {
		path  string
		value *string
	}{
		envListen:         {"listen", &c.Listen},
		envAdminListen:    {"admin.listen", &c.Admin.Listen},
		envDataDir:        {"data_dir", &c.DataDir},
		WorkspaceVariable: {"workspace.file", &c.Workspace.File},
		envJournalURL:     {"journal.url", &c.Journal.URL},
	} {
		if v := getenv(variable); v != "" {
			*setting.value = v
			found.places[setting.path] = place{file: variable}
		}
	}
}
