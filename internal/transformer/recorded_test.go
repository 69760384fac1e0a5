package transformer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/transformer"
)

func (r recorded) destination() string { return `{"ID":"dest-1","Config":` + string(r.Config) + `}` }

// processed is what the processor's route must say of the recording.
func (r recorded) processed() string {
	if r.failed() {
		return fmt.Sprintf(`{"metadata":%s,"statusCode":%s,"error":%s,"statTags":%s}`, metadata, r.Status, r.Error, r.StatTags)
	}
	return fmt.Sprintf(`{"output":%s,"metadata":%s,"statusCode":200}`, r.Output, metadata)
}

// routed is what the router's route must say of it.
func (r recorded) routed() string {
	if r.failed() {
		return fmt.Sprintf(`{"metadata":[%s],"batched":false,"statusCode":%s,"error":%s,"statTags":%s,"destination":%s}`,
			metadata, r.Status, r.Error, r.RouterStatTags, r.destination())
	}
	request := strings.TrimSuffix(string(r.Output), `,"userId":""}`) + "}"
	return fmt.Sprintf(`{"batchedRequest":%s,"metadata":[%s],"batched":false,"statusCode":200,"destination":%s}`, request, metadata, r.destination())
}

// TestRoutesAreRudderTransformer compares bytes: with them the order of names, numbers and escapes.
func TestRoutesAreRudderTransformer(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	for _, r := range recordings(t) {
		t.Run(r.Name, func(t *testing.T) {
			event := fmt.Sprintf(`{"message":%s,"metadata":%s`, r.Message, metadata)
			plain := event + `,"destination":` + r.destination() + "}"
			beside := `"destinations":{"dest-1":` + r.destination() + `},"connections":{"undefined:dest-1":{}}`
			for _, test := range []struct{ name, path, body, format, want string }{
				{"processor", processorPath, "[" + plain + "]", "", "[" + r.processed() + "]"},
				{"processor, compacted", processorPath, `{"input":[` + event + `}],` + beside + `}`, compacted, "[" + r.processed() + "]"},
				{"router", routerPath, `{"input":[` + plain + `],"destType":"refiner"}`, "", `{"output":[` + r.routed() + `]}`},
				{"router, compacted", routerPath, `{"input":[` + event + `}],"destType":"REFINER",` + beside + `}`, compacted, `{"output":[` + r.routed() + `]}`},
			} {
				got := send(h, "POST", test.path, test.body, "X-Content-Format", test.format)
				if got.status != 200 || got.header.Get("apiVersion") != "2" {
					t.Errorf("%s: %d, version %q", test.name, got.status, got.header.Get("apiVersion"))
				}
				if diff := cmp.Diff(test.want, got.body); diff != "" {
					t.Errorf("%s: -want +got\n%s", test.name, diff)
				}
			}
		})
	}
}

// TestAllRecordingsInOneRequest sends them together: what comes of one must not depend on its neighbours.
func TestAllRecordingsInOneRequest(t *testing.T) {
	h := newHandler(t, transformer.Options{})
	var items, want []string
	for _, r := range recordings(t) {
		items = append(items, fmt.Sprintf(`{"message":%s,"metadata":%s,"destination":%s}`, r.Message, metadata, r.destination()))
		want = append(want, r.processed())
	}
	for range 3 { // the second time with memory that has been used
		got := send(h, "POST", processorPath, "["+strings.Join(items, ",\n ")+"]")
		if diff := cmp.Diff("["+strings.Join(want, ",")+"]", got.body); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}
