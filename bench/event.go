package main

import (
	"math/rand/v2"
	"strconv"
)

// appendEvent writes a track event of about 1 KB, as an SDK in a browser sends it. The numbers in it differ from event
// to event, so that it compresses as real ones do.
func appendEvent(dst []byte, n, users int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	dst = append(dst, `{"channel":"web","type":"track","messageId":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `","anonymousId":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `","userId":"user-`...)
	dst = strconv.AppendInt(dst, int64(n%users), 10)
	dst = append(dst, `","event":"Order Completed","originalTimestamp":"2026-11-22T10:11:12.`...)
	dst = strconv.AppendInt(dst, int64(100+r.IntN(900)), 10)
	dst = append(dst, `Z","sentAt":"2026-11-22T10:11:13.`...)
	dst = strconv.AppendInt(dst, int64(100+r.IntN(900)), 10)
	dst = append(dst, `Z","properties":{"orderId":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `","price":"`...)
	dst = strconv.AppendInt(dst, int64(r.IntN(100_000)), 10)
	dst = append(dst, `","currency":"USD","products":[{"sku":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `","quantity":2},{"sku":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `","quantity":1}],"coupon":"`...)
	dst = append(dst, id(r)...)
	dst = append(dst, `"},"context":{"app":{"name":"shop","version":"4.11.2"},"library":{"name":"RudderLabs JavaScript SDK","version":"3.11.0"},"locale":"en-US","timezone":"GMT+0200","userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36","screen":{"density":2,"width":1512,"height":982},"page":{"path":"/checkout","url":"https://shop.example/checkout","title":"Checkout"},"sessionId":`...)
	dst = strconv.AppendInt(dst, 1_790_000_000+int64(r.IntN(1_000_000)), 10)
	return append(dst, `},"integrations":{"All":true}}`...)
}

// id writes 32 hexadecimal digits the way a UUID has them.
func id(r *rand.Rand) []byte {
	const digits = "0123456789abcdef"
	text := []byte("00000000-0000-4000-8000-000000000000")
	for i, bits := 0, r.Uint64(); i < len(text); i++ {
		if text[i] != '0' {
			continue
		}
		text[i] = digits[bits&15]
		if bits >>= 4; bits == 0 {
			bits = r.Uint64()
		}
	}
	return text
}
