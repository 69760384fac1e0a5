package config

import (
	"bytes"
	"fmt"
	"strings"
)

// LoadWorkspace reads a workspace configuration alone; all else is at its default. The error is as Load's.
func LoadWorkspace(w Workspace) (*Config, error) {
	c, found := Default(), newFindings(w.File)
	c.Workspace = w
	c.readWorkspace(found)
	c.validate(found)
	if err := found.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// ConvertWorkspace writes the configuration file that says the same as a workspace configuration. API keys are not in it:
// it names variables for them, and says what belongs into each. The warnings say what is not taken.
func ConvertWorkspace(w Workspace) (file []byte, warnings []Problem, err error) {
	c, err := LoadWorkspace(w)
	if err != nil {
		return nil, nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Made from the workspace configuration %s.\n#\n# API keys do not belong into this file. Set these variables:\n", oneLine(w.File))
	used := make(map[string]bool)
	for i := range c.Destinations {
		d := &c.Destinations[i]
		d.APIKey, d.APIKeyEnv = Secret{}, keyVariable(d.Name, len(c.Destinations) == 1, used)
		fmt.Fprintf(&out, "#   %s: config.apiKey of the destination %s\n", d.APIKeyEnv, strings.TrimSpace(d.Name+" "+oneLine(d.Title)))
	}
	c.Workspace = Default().Workspace
	out.WriteByte('\n')
	out.Write(c.YAML())
	return out.Bytes(), c.Warnings, nil
}

// keyVariable names a variable for a destination's API key that no other destination uses.
func keyVariable(destination string, alone bool, used map[string]bool) string {
	if alone {
		return envAPIKey
	}
	name := envAPIKey + "_" + strings.ToUpper(strings.ReplaceAll(destination, "-", "_"))
	for used[name] {
		name += "_"
	}
	used[name] = true
	return name
}
