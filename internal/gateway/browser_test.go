package gateway_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tanker/internal/gateway"
)

// pixelGIF is the image of RudderStack's pixel endpoints.
const pixelGIF = "4749463839610100010080000000000000000021f90401000000002c00000000010001000002024401003b"

func TestPixel(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, tc := range []struct {
		name, path, query string
		want              map[string]any // members of the event; nil: none is stored
	}{
		{"a track event", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1&event=Mail+Opened&properties.campaign=spring",
			map[string]any{"userId": "u1", "event": "Mail Opened", "properties": map[string]any{"campaign": "spring"}}},
		{"quotes around an anonymousId", "/pixel/v1/track", "writeKey=" + webKey + `&anonymousId="a1"&event=x`,
			map[string]any{"anonymousId": "a1", "event": "x"}},
		{"nesting", "/pixel/v1/page", "writeKey=" + webKey + "&anonymousId=a1&context.page.url=https://shop.example/&context.page.title=Shop",
			map[string]any{"anonymousId": "a1", "context": map[string]any{"page": map[string]any{"url": "https://shop.example/", "title": "Shop"}}}},
		{"a page whose name is empty", "/pixel/v1/page", "writeKey=" + webKey + "&anonymousId=a1&name=",
			map[string]any{"anonymousId": "a1", "name": "Unknown Page"}},
		{"of two values the first", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1&userId=u2&event=x", map[string]any{"userId": "u1", "event": "x"}},
		{"a member inside a text", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1&a=1&a.b=2", map[string]any{"userId": "u1", "a": map[string]any{"b": "2"}}},
		{"a track event without a name", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1", map[string]any{"userId": "u1"}},
		{"a track event whose name is empty", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1&event=", nil},
		{"no user", "/pixel/v1/track", "writeKey=" + webKey + "&event=x", nil},
		{"no key", "/pixel/v1/track", "userId=u1&event=x", nil},
		{"an unknown key", "/pixel/v1/track", "writeKey=nobody&userId=u1&event=x", nil},
		{"a disabled source", "/pixel/v1/track", "writeKey=" + disabledKey + "&userId=u1&event=x", nil},
		{"nested beyond reason", "/pixel/v1/track", "writeKey=" + webKey + "&userId=u1&" + strings.Repeat("a.", 50) + "a=1", map[string]any{"userId": "u1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.do(http.MethodGet, tc.path+"?"+tc.query, nil)
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/gif" || hex.EncodeToString([]byte(a.body)) != pixelGIF {
				t.Errorf("got %d %s %x", a.status, a.header.Get("Content-Type"), a.body)
			}
			stored := s.log.take()
			if tc.want == nil {
				if len(stored) != 0 {
					t.Errorf("stored %s", stored[0].Body)
				}
				return
			}
			if len(stored) != 1 {
				t.Fatalf("stored %d events", len(stored))
			}
			var got map[string]any
			if err := json.Unmarshal(stored[0].Body, &got); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"channel", "integrations", "originalTimestamp", "sentAt"} {
				if got[name] == nil {
					t.Errorf("no %s in %s", name, stored[0].Body)
				}
				delete(got, name)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(string(stored[0].Body), webKey) {
				t.Error("the write key is stored")
			}
		})
	}
}

func TestBeacon(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	const body = `{"batch":[{"anonymousId":"a1","type":"track","event":"Left"}]}`
	send := func(query string) answer {
		return s.do(http.MethodPost, "/beacon/v1/batch"+query, strings.NewReader(body), "Content-Type", "text/plain;charset=UTF-8")
	}
	send("?writeKey="+webKey).want(t, http.StatusOK, "ok")
	if stored := s.log.take(); len(stored) != 1 || stored[0].Type != "" || stored[0].Source != "web" {
		t.Errorf("stored %+v", stored)
	}
	send("").want(t, http.StatusUnauthorized, "failed to read writekey from query params")
	send("?writeKey=").want(t, http.StatusUnauthorized, "failed to read writekey from query params")
	send("?writeKey=nobody").want(t, http.StatusUnauthorized, "invalid write key")
	send("?writeKey="+disabledKey).want(t, http.StatusNotFound, "source is disabled")
	s.do(http.MethodPost, "/beacon/v1/batch", strings.NewReader(body), "Authorization", basic(webKey)).
		want(t, http.StatusUnauthorized, "failed to read writekey from query params")
}

func TestSourceConfig(t *testing.T) {
	s := start(t, gateway.Options{}, gateway.ServerOptions{})
	for _, path := range []string{"/sourceConfig", "/sourceConfig/", "/sourceConfig/?p=npm&v=3.0.0&writeKey=" + url.QueryEscape(webKey)} {
		a := s.do(http.MethodGet, path, nil, "Authorization", basic(webKey), "Origin", "https://shop.example")
		var got struct {
			Source struct {
				ID, Name, WorkspaceID string
				Enabled               bool
				Config                map[string]any
				Destinations          []any
			}
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK {
			t.Fatal(path, a.status, err)
		}
		if c := got.Source; c.ID != "web" || c.Name != "web" || !c.Enabled || c.Config == nil || c.Destinations == nil || c.WorkspaceID == "" {
			t.Errorf("%s: %s", path, a.body)
		}
		if a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
			t.Error("a page of another origin cannot read it")
		}
		if strings.Contains(a.body, webKey) {
			t.Error("it shows the write key")
		}
	}
	if a := s.do(http.MethodGet, "/sourceConfig?writeKey="+webKey, nil); a.status != http.StatusOK {
		t.Errorf("key as a parameter: %d", a.status)
	}
	if a := s.do(http.MethodHead, "/sourceConfig/?view=ad", nil, "Authorization", basic(webKey)); a.status != http.StatusOK || a.body != "" {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
	if a := s.do(http.MethodGet, "/sourceConfig", nil, "Authorization", basic(disabledKey)); !strings.Contains(a.body, `"enabled":false`) {
		t.Errorf("a disabled source: %d %s", a.status, a.body)
	}
	s.do(http.MethodGet, "/sourceConfig", nil).want(t, http.StatusUnauthorized, "failed to read writekey from header")
	s.do(http.MethodGet, "/sourceConfig", nil, "Authorization", basic("nobody")).want(t, http.StatusUnauthorized, "invalid write key")
}
