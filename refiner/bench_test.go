package refiner_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tanker/refiner"
	"tanker/refiner/refinertest"
)

// smallBody is what an identify of a few traits becomes.
func smallBody(user int) []byte {
	return fmt.Appendf(nil, `{"id":"user-%d","email":"user-%d@example.com","name":"Alex Keener","plan":"pro",`+
		`"employees":1000,"address":{"city":"Kyoto","country":"JP"},"tags":["a","b"]}`, user, user)
}

// instant is a transport that answers at once, so that what is left is the client's own cost.
type instant struct{}

func (instant) RoundTrip(r *http.Request) (*http.Response, error) {
	const body = `{"message":"ok","contact_uuid":"f49e5620-9159-468d-8576-12e04ceb7271"}`
	return &http.Response{StatusCode: 200, ContentLength: int64(len(body)), Body: closer{strings.NewReader(body)}}, nil
}

type closer struct{ *strings.Reader }

func (closer) Close() error { return nil }

func BenchmarkDo(b *testing.B) {
	body := smallBody(1)
	for _, form := range []bool{false, true} {
		b.Run(fmt.Sprintf("client_alone/form=%t", form), func(b *testing.B) {
			do(b, refiner.Options{APIKey: key, Transport: instant{}}, body, form)
		})
	}
	b.Run("over_TCP", func(b *testing.B) {
		server := refinertest.NewServer(b, refinertest.Options{CountOnly: true})
		do(b, refiner.Options{APIKey: key, Endpoint: server.URL}, body, false)
	})
	b.Run("over_TCP/stored_and_recorded", func(b *testing.B) {
		server := refinertest.NewServer(b, refinertest.Options{})
		do(b, refiner.Options{APIKey: key, Endpoint: server.URL}, body, false)
	})
}

func do(b *testing.B, o refiner.Options, body []byte, form bool) {
	client, err := refiner.New(o)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	r := refiner.Request{Method: http.MethodPost, Path: "/v1/identify-user", Body: body, Form: form}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Do(context.Background(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkAppendForm(b *testing.B) {
	body := smallBody(1)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := refiner.AppendForm(buf, body); err != nil {
			b.Fatal(err)
		}
	}
}
