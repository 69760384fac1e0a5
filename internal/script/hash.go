package script

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/dop251/goja"
)

// hashLibrary is the name of RudderStack's library of hashes, the one of its libraries that is built in.
const hashLibrary = "@rs/hash/v1"

// hashes makes the exports of RudderStack's library of hashes. The results are the same as there, also where they are
// unusual: its md5 sees only the lower half of each character, and its sha256 reads the two characters \r\n as \n and
// writes each half of a surrogate pair on its own.
func hashes(vm *goja.Runtime) *goja.Object {
	library := vm.NewObject()
	set := func(name string, f func(text []uint16, more goja.Value) any) {
		_ = library.Set(name, func(call goja.FunctionCall) goja.Value {
			text, ok := call.Argument(0).ToString().(goja.String)
			if !ok {
				panic(vm.NewTypeError("%s wants a text", name))
			}
			return vm.ToValue(f(units(text), call.Argument(1)))
		})
	}
	set("md5", func(text []uint16, _ goja.Value) any {
		low := make([]byte, len(text))
		for i, u := range text {
			low[i] = byte(u)
		}
		sum := md5.Sum(low)
		return hex.EncodeToString(sum[:])
	})
	set("sha256", func(text []uint16, _ goja.Value) any {
		sum := sha256.Sum256([]byte(strings.ReplaceAll(string(utf8Units(text)), "\r\n", "\n")))
		return hex.EncodeToString(sum[:])
	})
	set("cyrb53", func(text []uint16, seed goja.Value) any {
		return cyrb53(text, uint32(seed.ToInteger()))
	})
	return library
}

// units are the characters of a text as JavaScript counts them.
func units(text goja.String) []uint16 {
	list := make([]uint16, text.Length())
	for i := range list {
		list[i] = text.CharAt(i)
	}
	return list
}

// utf8Units writes each unit of UTF-16 as a character of its own.
func utf8Units(text []uint16) []byte {
	out := make([]byte, 0, len(text)+len(text)/2)
	for _, u := range text {
		switch {
		case u < 0x80:
			out = append(out, byte(u))
		case u < 0x800:
			out = append(out, byte(u>>6)|0xc0, byte(u&0x3f)|0x80)
		default:
			out = append(out, byte(u>>12)|0xe0, byte(u>>6&0x3f)|0x80, byte(u&0x3f)|0x80)
		}
	}
	return out
}

// cyrb53 is a short hash that is not meant to keep secrets.
func cyrb53(text []uint16, seed uint32) int64 {
	a, b := 0xdeadbeef^seed, 0x41c6ce57^seed
	for _, u := range text {
		a = (a ^ uint32(u)) * 2654435761
		b = (b ^ uint32(u)) * 1597334677
	}
	mix := func(x, y uint32) uint32 { return (x^x>>16)*2246822507 ^ (y^y>>13)*3266489909 }
	a = mix(a, b)
	b = mix(b, a)
	return int64(b&(1<<21-1))<<32 | int64(a)
}
