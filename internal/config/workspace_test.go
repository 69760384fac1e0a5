package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/config"
)

// writeWorkspace puts a workspace configuration into a folder of its own and goes there.
func writeWorkspace(t *testing.T, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("workspaceConfig.json", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// loadWorkspace loads a workspace configuration without a file of ours.
func loadWorkspace(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	writeWorkspace(t, text)
	return config.Load("", environment("TANKER_WORKSPACE_CONFIG", "workspaceConfig.json", "REFINER_ENDPOINT", "http://127.0.0.1:8090"))
}

// workspace is a configuration as RudderStack's server reads it, with a little of everything.
const workspace = `{"workspaceId":"ws1","enableMetrics":false,"libraries":[],
 "sources":[
  {"id":"src1","name":"Web site","writeKey":"WK1","enabled":true,"workspaceId":"ws1","config":{},
   "sourceDefinition":{"id":"sd1","name":"JavaScript","category":"","type":"cloud"},
   "destinations":[
    {"id":"dst1","name":"Refiner of production","enabled":true,"isProcessorEnabled":true,"workspaceId":"ws1","revisionId":"r1","transformations":[],
     "config":{"apiKey":" KEY1 ","webClientApiKey":"w",
      "userAttributesMapping":[{"from":"plan_name","to":"plan"},{"from":"","to":""}],
      "accountAttributesMapping":[{"from":"employees","to":"size"},{"from":"kept","to":""}],
      "consentManagement":[
       {"provider":"oneTrust","resolutionStrategy":"","consents":[{"consent":"old"}]},
       {"provider":"oneTrust","resolutionStrategy":"and","consents":[{"consent":"C0002"},{"consent":""},{"consent":"C0004"}]},
       {"provider":"custom","resolutionStrategy":"or","consents":[{"consent":"a"}]},
       {"provider":"ketch","consents":[]}],
      "oneTrustCookieCategories":[{"oneTrustCookieCategory":"C0004"}],
      "ketchConsentPurposes":[{"purpose":"p"},{"purpose":""}],
      "eventFilteringOption":"blacklistedEvents","blacklistedEvents":[{"eventName":"Secret"},{"eventName":""}],"whitelistedEvents":[],
      "connectionMode":"hybrid","new":1},
     "destinationDefinition":{"id":"dd1","name":"REFINER","displayName":"Refiner Survey",
      "config":{"transformAtV1":"router","supportedMessageTypes":["identify"," Track","page","screen"]}}},
    {"id":"other","name":"Amplitude","enabled":true,"isProcessorEnabled":true,"config":{},"destinationDefinition":{"name":"AM"}}]},
  {"ID":"src2","Name":"app","WRITEKEY":"WK2","enabled":false,"destinations":[
    {"id":"dst2","enabled":true,"config":{"apiKey":"KEY2","enableServerSideIdentify":false,
      "consentManagement":null,"eventFilteringOption":"disable"},
     "destinationDefinition":{"name":"refiner","config":{"supportedMessageTypes":{"cloud":["identify","track","group","page"],"device":[]}}}}]},
  {"id":"src3","name":"warehouse","writeKey":"WK3","enabled":true,"sourceDefinition":{"category":"warehouse"}},
  {"id":"src4","writeKey":"WK4","enabled":true}
 ]}`

func TestWorkspace(t *testing.T) {
	c, err := loadWorkspace(t, workspace)
	if err != nil {
		t.Fatal(err)
	}
	first, second := config.DefaultDestination(), config.DefaultDestination()
	first.Name, first.Title, first.APIKey = "dst1", "Refiner of production", config.NewSecret("KEY1")
	first.Endpoint, second.Endpoint = "http://127.0.0.1:8090", "http://127.0.0.1:8090"
	first.WhenDisabled, second.WhenDisabled = "drop", "drop"
	first.UserAttributes = []config.Rename{{From: "plan_name", To: "plan"}}
	first.AccountAttributes = []config.Rename{{From: "employees", To: "size"}}
	first.Filter = config.Filter{
		Integration: "Refiner Survey", MessageTypes: []string{"identify", "track", "page"},
		Consent: []config.Consent{
			{Provider: "oneTrust", Strategy: "and", IDs: []string{"C0002", "C0004"}},
			{Provider: "custom", Strategy: "or", IDs: []string{"a"}},
		},
		OneTrustCategories: []string{"C0004"}, KetchPurposes: []string{"p"},
	}
	second.Name, second.APIKey, second.Enabled = "dst2", config.NewSecret("KEY2"), false
	second.Filter.MessageTypes = []string{"track", "page", "group"}
	want := []config.Destination{first, second}
	if diff := cmp.Diff(want, c.Destinations, cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
	sources := []config.Source{
		{Name: "src1", Title: "Web site", WriteKey: config.NewSecret("WK1"), Destinations: []string{"dst1"}, Enabled: true},
		{Name: "src2", Title: "app", WriteKey: config.NewSecret("WK2"), Destinations: []string{"dst2"}},
		{Name: "src4", WriteKey: config.NewSecret("WK4"), Destinations: []string{}, Enabled: true},
	}
	if diff := cmp.Diff(sources, c.Sources, cmp.Comparer(config.Secret.Equal)); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	var warnings []string
	for _, w := range c.Warnings {
		warnings = append(warnings, w.String())
	}
	const in = "workspaceConfig.json:"
	if diff := cmp.Diff([]string{
		in + `9: sources[0].destinations[0].config.accountAttributesMapping[1].to: is empty: the attribute "kept" keeps its name`,
		in + `17: sources[0].destinations[0].config.eventFilteringOption: names of events are not looked at, as on RudderStack's server: set workspace.server_side_event_filtering to have them filtered`,
		in + `18: sources[0].destinations[0].config.new: is not known, and makes no difference`,
		in + `18: sources[0].destinations[0].config.connectionMode: events go to Refiner from here, as in the mode cloud`,
		in + `21: sources[0].destinations[1]: destinations of the type AM are not taken: only REFINER`,
		in + `23: sources[1].destinations[0].isProcessorEnabled: is missing, which RudderStack takes for false`,
		in + `26: sources[2].sourceDefinition.category: sources of the category "warehouse" are not taken: only those that SDKs send to`,
		in + `27: sources[3].destinations: none is of the type REFINER: the source's events are accepted, and go nowhere`,
	}, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestWorkspaceReportsEveryProblem takes a workspace with many mistakes: each gets one message.
func TestWorkspaceReportsEveryProblem(t *testing.T) {
	_, err := loadWorkspace(t, `{"sources":[
  {"id":7,"writeKey":"a","enabled":"yes","destinations":{}},
  {"writeKey":"a:b","enabled":true},
  {"id":"two words","enabled":true,"destinations":[
    {"id":"d1","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER","config":{"supportedMessageTypes":"track"}},
     "config":{"apiKey":"",
      "userAttributesMapping":{},
      "accountAttributesMapping":["a",{"from":1,"to":"x"}]}},
    {"enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER"},
     "transformations":[{"versionId":"v1"}]},
    {"id":"d3","enabled":true},
    {"id":"d4","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"displayName":"x"}},
    {"id":"d5","enabled":true,"isProcessorEnabled":1,"destinationDefinition":{"name":"REFINER","config":{"supportedMessageTypes":[1]}},
     "config":{"consentManagement":[{"provider":"p","consents":[{"consent":1}]}],"eventFilteringOption":"some","apiKey":["k"]}},
    3]},
  "source",
  {"id":"src5","writeKey":"k5","enabled":true,"destinations":[
    {"id":"d6","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER"},"config":{"apiKey":"same"}},
    {"id":"d7","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER"},"config":{"apiKey":"same"}},
    {"id":"d6","enabled":false,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER"},"config":{"apiKey":"same"}}]}
]}`)
	const in = "workspaceConfig.json:"
	want := []string{
		in + `2: sources[0].id: wants a text, not a number`,
		in + `2: sources[0].enabled: wants true or false, not a text`,
		in + `2: sources[0].destinations: wants a list, not an object`,
		in + `3: sources[1].id: is missing: it is what the source is called in the journal, in metrics and elsewhere`,
		in + `3: sources[1]: the write key has a colon in it, which no SDK can send: choose another`,
		in + `4: sources[2].writeKey: is missing: it is the key that the source's SDK presents`,
		in + `4: sources[2].id: "two words" is no name: use 1 to 63 letters, digits, - and _, beginning with a letter or digit`,
		in + `5: sources[2].destinations[0].destinationDefinition.config.supportedMessageTypes: wants a list of types, not a text`,
		in + `6: sources[2].destinations[0].config.apiKey: is missing: it is the API key of the Refiner environment`,
		in + `7: sources[2].destinations[0].config.userAttributesMapping: wants a list, not an object`,
		in + `8: sources[2].destinations[0].config.accountAttributesMapping[0]: wants an object, not a text`,
		in + `8: sources[2].destinations[0].config.accountAttributesMapping[1].from: wants a text, not a number`,
		in + `9: sources[2].destinations[1].id: is missing: it is what the destination is called in the journal, in metrics and elsewhere`,
		in + `9: sources[2].destinations[1].config: wants an object, not nothing`,
		in + `10: sources[2].destinations[1].transformations: transformations are not in this file, only their ids, and cannot be carried out: disconnect them, or set workspace.ignore_transformations if events may go to Refiner without them`,
		in + `11: sources[2].destinations[2].destinationDefinition: wants an object, not nothing`,
		in + `12: sources[2].destinations[3].destinationDefinition.name: is missing: it is the destination's type`,
		in + `13: sources[2].destinations[4].isProcessorEnabled: wants true or false, not a number`,
		in + `13: sources[2].destinations[4].destinationDefinition.config.supportedMessageTypes[0]: wants a text, not a number`,
		in + `14: sources[2].destinations[4].config.apiKey: wants a text, not a list`,
		in + `14: sources[2].destinations[4].config.consentManagement[0].consents[0].consent: wants a text, not a number`,
		in + `14: sources[2].destinations[4].config.eventFilteringOption: "some" is not one of disable, whitelistedEvents, blacklistedEvents`,
		in + `15: sources[2].destinations[5]: wants an object, not a number`,
		in + `16: sources[3]: wants an object, not a text`,
		in + `19: sources[4].destinations[1]: has the same API key as sources[4].destinations[0]: each needs its own`,
		in + `20: sources[4].destinations[2]: has other settings than sources[4].destinations[0], which has the same id: give it an id of its own`,
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWorkspaceIsRefused(t *testing.T) {
	const in = "workspaceConfig.json"
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":        {"{\n\"sources\":[,]}", in + ":2: is no valid JSON: "},
		"cut off":        {"{\n\"sources\":[\n", in + ":3: is no valid JSON: the file ends too early"},
		"empty":          {"", in + ":1: is no valid JSON: the file ends too early"},
		"two objects":    {"{}\n{}", in + ":2: is no valid JSON: something follows"},
		"nested deeply":  {strings.Repeat("[", 1000), in + ":1: is no valid JSON: values are nested deeper"},
		"a list":         {"[]", in + ":1: wants an object, not a list"},
		"nothing":        {"null", in + ":1: wants an object, not nothing"},
		"no sources":     {"{}", in + ":1: sources: wants a list of sources, not nothing"},
		"empty sources":  {`{"sources":[]}`, in + ":1: sources: there is none that SDKs can send to"},
		"no destination": {`{"sources":[{"id":"a","writeKey":"b","enabled":true}]}`, in + ":1: sources: none of them has a destination of the type REFINER"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadWorkspace(t, test.text)
			if got := strings.Join(problems(t, err), "\n"); !strings.Contains(got, test.want) {
				t.Errorf("got problems\n%s\nwant among them\n%s", got, test.want)
			}
		})
	}
	if _, err := config.Load("", environment("TANKER_WORKSPACE_CONFIG", "missing.json")); err == nil || !strings.Contains(err.Error(), "missing.json: no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestWorkspaceBesideAFile takes the rest of the settings from a file of ours.
func TestWorkspaceBesideAFile(t *testing.T) {
	writeWorkspace(t, workspace)
	const file = "listen: :1\nworkspace:\n  file: workspaceConfig.json\n  server_side_event_filtering: true\n"
	load := func(text string) (*config.Config, error) {
		if err := os.WriteFile("tanker.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Load("tanker.yaml", environment("KEY", "k"))
	}
	c, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":1" || len(c.Destinations) != 2 || c.Destinations[0].Endpoint != "https://api.refiner.io" {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff([]string{"Secret"}, c.Destinations[0].Filter.DenyEvents); diff != "" {
		t.Errorf("denied events (-want +got):\n%s", diff)
	}
	if path, err := filepath.Abs("tanker.yaml"); err != nil {
		t.Fatal(err)
	} else if _, err := config.LoadWithoutSecrets(path); err != nil {
		t.Error(err)
	}
	_, err = load(file + smallest)
	want := []string{
		"tanker.yaml:6: sources: they come from the workspace configuration workspaceConfig.json: remove those here, or do without that file",
		"tanker.yaml:8: destinations: they come from the workspace configuration workspaceConfig.json: remove those here, or do without that file",
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWorkspaceAllowsOneDestinationForSeveralSources(t *testing.T) {
	const shared = `{"id":"d","enabled":true,"isProcessorEnabled":true,"destinationDefinition":{"name":"REFINER"},"transformations":[{"id":"t"}],"config":{"apiKey":"k","eventFilteringOption":"whitelistedEvents","whitelistedEvents":[{"eventName":"e"}]}}`
	writeWorkspace(t, `{"sources":[
  {"id":"a","writeKey":"wa","enabled":true,"destinations":[`+shared+`]},
  {"id":"b","writeKey":"wb","enabled":true,"destinations":[`+shared+`]}]}`)
	if err := os.WriteFile("tanker.yaml", []byte("workspace: {file: workspaceConfig.json, ignore_transformations: true, server_side_event_filtering: true}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load("tanker.yaml", environment())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Destinations) != 1 || !cmp.Equal(c.Sources[1].Destinations, []string{"d"}) || !cmp.Equal(c.Destinations[0].Filter.AllowEvents, []string{"e"}) {
		t.Errorf("got %+v", c)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Message, "transformations are not carried out") {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

// FuzzWorkspace looks for a file that brings the loader down, and for problems that say nothing.
func FuzzWorkspace(f *testing.F) {
	f.Add(workspace)
	f.Add(`{"sources":[{"destinations":[{"destinationDefinition":{"name":"refiner"},"config":{}}]}]}`)
	f.Add(`{"sources":[{"id":"a","id":"b","destinations":[[]]},{}]}` + "\n\x00")
	path := filepath.Join(f.TempDir(), "workspaceConfig.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load("", environment("TANKER_WORKSPACE_CONFIG", path))
		if err == nil && (len(c.Sources) == 0 || len(c.Destinations) == 0) {
			t.Error("loaded without sources or destinations")
		}
		if found, ok := errors.AsType[*config.Error](err); ok {
			for _, p := range found.Problems {
				if p.File != path || p.Message == "" {
					t.Errorf("a problem of nothing: %+v", p)
				}
			}
		}
	})
}
