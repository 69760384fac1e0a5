package script

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// returned runs a script that returns what is to be looked at as the event's member x.
func returned(t *testing.T, files map[string]string) (string, error) {
	t.Helper()
	s, err := Load(filepath.Join(folder(t, files), "t.js"))
	if err != nil {
		return "", err
	}
	p, err := newProgram(s, nil)
	if err != nil {
		return "", err
	}
	r := p.newRun().transform([]byte(`{"type":"page"}`), Metadata{})
	if r.failed != nil {
		return "", r.failed
	}
	return string(r.events[0]), nil
}

const useX = "\nexport function transformEvent() { return { x } }"

func TestModules(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"a name", map[string]string{"t.js": `import { x } from "lib"` + useX, "lib.js": "export const x = 1, y = 2"}, `{"x":1}`},
		{"a name in single quotes", map[string]string{"t.js": `import {x} from 'lib';` + useX, "lib.js": "export let x = 1;"}, `{"x":1}`},
		{"another name", map[string]string{"t.js": "import {\n  a, // not b\n  b as x,\n} from 'lib'" + useX, "lib.js": "export var a = 1\nexport var b = 2"}, `{"x":2}`},
		{"the default", map[string]string{"t.js": `import x from "lib"` + useX, "lib.js": "export default [1, 2]"}, `{"x":[1,2]}`},
		{"a function as the default", map[string]string{"t.js": "import f from 'lib'\nconst x = f(2)" + useX, "lib.js": "export default function twice(n) { return n === 0 ? 0 : 2 + twice(n - 1) }"}, `{"x":4}`},
		{"a nameless function as the default", map[string]string{"t.js": "import f from 'lib'\nconst x = f(2)" + useX, "lib.js": "export default (n) => n + 1"}, `{"x":3}`},
		{"default and names", map[string]string{"t.js": "import f, { y } from 'lib'\nconst x = f + y" + useX, "lib.js": "export default 1\nexport const y = 2"}, `{"x":3}`},
		{"all names", map[string]string{"t.js": "import * as x from 'lib'" + useX, "lib.js": "export const a = 1\nexport class B {}\nexport { c as d }\nconst c = 3"}, `{"x":{"d":3,"a":1}}`},
		{"nothing but the effect", map[string]string{"t.js": "import 'lib'\nconst x = globalThis.seen" + useX, "lib.js": "globalThis.seen = 5"}, `{"x":5}`},
		{"a library of a library", map[string]string{"t.js": "import { x } from 'a'" + useX, "a.js": "import { b } from './b.js'\nexport const x = b + 1", "b.js": "export const b = 1"}, `{"x":2}`},
		{"libraries in a circle", map[string]string{"t.js": "import { x } from 'a'" + useX, "a.js": "import * as b from 'b'\nexport const x = b.y", "b.js": "import * as a from 'a'\nexport const y = typeof a.x"}, `{"x":"undefined"}`},
		{"a library in a folder", map[string]string{"t.js": "import { x } from '@rs/urlParser/v1'" + useX, "@rs/urlParser/v1.js": "export const x = 1"}, `{"x":1}`},
		{"a library that is run once", map[string]string{"t.js": "import { x } from 'a'\nimport 'b'" + useX, "a.js": "import 'b'\nexport const x = globalThis.runs", "b.js": "globalThis.runs = (globalThis.runs ?? 0) + 1"}, `{"x":1}`},
		{"hashes", map[string]string{"t.js": "import { md5, sha256, cyrb53 } from '@rs/hash/v1'\nconst s = 'é€😀', x = [md5(s), sha256(s), sha256('a\\r\\nb') === sha256('a\\nb'), cyrb53(s, 7), cyrb53(''), cyrb53('revenge')]" + useX}, `{"x":["a98e9f3a51157129fa22f5d597b11d41","643e164ec63e54862889c31ad41126625f0ca6811575fe404b7d35be778b40ae",true,1781195029835642,3338908027751811,4051478007546757]}`},
		{"words that only look like statements", map[string]string{"t.js": "const x = ['export default 1', `import ${1} from`, /export {a}/.source, { export: 1 }.export]; // export const y\n/* import 'z' */" + useX}, `{"x":["export default 1","import 1 from","export {a}",1]}`},
		{"a list of exports", map[string]string{"t.js": "const x = 1\nfunction f() { return { x } }\nexport { f as transformEvent, x }"}, `{"x":1}`},
		{"Windows line ends and a byte order mark", map[string]string{"t.js": "\ufeffimport { x } from 'lib'\r\nexport async function transformEvent() {\r\n  return { x }\r\n}\r\n", "lib.js": "\r\n\r\nexport const x = 1\r\n"}, `{"x":1}`},
		{"a comment at the end", map[string]string{"t.js": "const x = 1;" + useX + " // the end"}, `{"x":1}`},
		{"no way to read files", map[string]string{"t.js": "const x = 1;" + useX + "\n//# sourceMappingURL=/etc/passwd"}, `{"x":1}`},
		{"a value that is read only", map[string]string{"t.js": "import { x as y } from 'lib'\nlet x; try { y = 2 } catch (e) { x = e.name }" + useX, "lib.js": "export const x = 1"}, `{"x":"TypeError"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := returned(t, test.files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScriptsThatCannotBeUsed(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no script", nil, "t.js"},
		{"nothing exported", map[string]string{"t.js": "function transformEvent(e) { return e }"}, "t.js exports no function transformEvent or transformBatch: write export function transformEvent(event, metadata) { … }"},
		{"both functions", map[string]string{"t.js": "export function transformEvent() {}\nexport function transformBatch() {}"}, "exports both"},
		{"no function", map[string]string{"t.js": "export const transformEvent = 5"}, "exports no function"},
		{"a syntax error", map[string]string{"t.js": "export function transformEvent(event) {\n  return event\n}}\n"}, "t.js:3: SyntaxError: Unexpected token }"},
		{"a syntax error after imports", map[string]string{"t.js": "import { x } from 'lib'\n\nexport const y = ;", "lib.js": "export const x = 1"}, "t.js:3: SyntaxError: Unexpected token ;"},
		{"what strict code must not do", map[string]string{"t.js": "\nwith ({}) {}" + useX}, "t.js:2: SyntaxError"},
		{"a name twice", map[string]string{"t.js": "const x = 1\nconst x = 2" + useX}, "t.js:2: SyntaxError"},
		{"an error at the top", map[string]string{"t.js": "\n\nconst n = null; n.x" + useX}, "t.js:3: TypeError: Cannot read property 'x' of"},
		{"an error in a library", map[string]string{"t.js": "import 'lib'" + useX, "lib.js": "\nthrow new Error('no')"}, "lib.js:2: Error: no"},
		{"a syntax error in a library", map[string]string{"t.js": "import 'lib'" + useX, "lib.js": "\nvar 5"}, "lib.js:2: SyntaxError: Unexpected number"},
		{"no such library", map[string]string{"t.js": "import { UAParser } from '@rs/userAgentParser/v1'" + useX}, `t.js imports "@rs/userAgentParser/v1", which is no file @rs/userAgentParser/v1.js in its folder`},
		{"no such export", map[string]string{"t.js": "import { x } from 'lib'" + useX, "lib.js": "export const y = 1"}, `"lib" exports no x`},
		{"a library elsewhere", map[string]string{"t.js": "import '../lib'" + useX}, `imports "../lib": only libraries in its own folder`},
		{"a library of an address", map[string]string{"t.js": "import 'https://example.com/x.js'" + useX}, "only libraries in its own folder"},
		{"import as a function", map[string]string{"t.js": "\nconst x = import('lib')" + useX}, "t.js:2: SyntaxError: import() and import.meta are not available"},
		{"export from", map[string]string{"t.js": "export { x } from 'lib'"}, "export … from is not available"},
		{"export of all", map[string]string{"t.js": "export * from 'lib'"}, "export … from is not available"},
		{"export in a block", map[string]string{"t.js": "{\nexport const x = 1 }"}, "t.js:2: SyntaxError: export stands before"},
		{"export of parts", map[string]string{"t.js": "export const { a } = { a: 1 }"}, "t.js:1: SyntaxError: export stands before"},
		{"export of what is not there", map[string]string{"t.js": "export { nothing }" + useX}, "ReferenceError: nothing is not defined"},
		{"export of no name", map[string]string{"t.js": "export { a b }"}, `t.js:1: SyntaxError: "a b" is no name`},
		{"export of nothing", map[string]string{"t.js": "\nexport 5"}, "t.js:2: SyntaxError: Unexpected reserved word"},
		{"import of no name", map[string]string{"t.js": "import { a b } from 'lib'", "lib.js": ""}, `t.js:1: SyntaxError: "a b" is no name`},
		{"import of the default by no name", map[string]string{"t.js": "import { default } from 'lib'", "lib.js": ""}, `cannot read what is imported from "lib"`},
		{"too many statements", map[string]string{"t.js": strings.Repeat("export {};", maxStatements+1)}, "more than 1000 import and export statements"},
		{"too large", map[string]string{"t.js": strings.Repeat(" ", maxFile+1)}, "larger than 4194304 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := returned(t, test.files)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q, %v; want an error with %q", got, err, test.want)
			}
		})
	}
}

// TestFailures is about what a script does wrong with an event, and where.
func TestFailures(t *testing.T) {
	tests := []struct{ name, code, want string }{
		{"an error", "export function transformEvent(e) {\n  return e.nothing.x\n}", "t.js:2: TypeError: Cannot read property 'x' of undefined"},
		{"an error in a function", "\nconst f = e => e.nothing.x\nexport function transformEvent(e) { return f(e) }", "t.js:2: TypeError"},
		{"an error in a library function", "import { md5 } from '@rs/hash/v1'\nexport function transformEvent(e) {\n return md5(Symbol()) }", "t.js:3: TypeError"},
		{"an error that is thrown", "export function transformEvent(e) {\n throw new RangeError('no') }", "t.js:2: RangeError: no"},
		{"an error that is thrown later", "export async function transformEvent(e) {\n await null\n throw new Error('no') }", "t.js:3: Error: no"},
		{"a text that is thrown", "export function transformEvent(e) {\n throw 'no' }", "t.js:2: no"},
		{"a text that is thrown later", "export async function transformEvent(e) {\n throw 'no' }", "t.js: no"},
		{"an object that cannot be shown", "export function transformEvent(e) {\n throw { toString() { throw 1 } } }", "t.js:2: an error that cannot be shown was thrown"},
		{"undefined is thrown", "export function transformEvent(e) {\n throw undefined }", "t.js:2: undefined"},
		{"a promise without end", "export async function transformEvent(e) { await new Promise(() => {}) }", "t.js: transformEvent waits for a promise that nobody fulfills"},
		{"a text returned", "export function transformEvent(e) { return 'x' }", "t.js: transformEvent returned a string where an event should be"},
		{"a truth value returned", "export function transformEvent(e) { return false }", "t.js: transformEvent returned a bool where an event should be"},
		{"a function returned", "export function transformEvent(e) { return transformEvent }", "t.js: transformEvent returned a Function where an event should be"},
		{"a date returned", "export function transformEvent(e) { return new Date() }", "t.js: transformEvent returned a Date where an event should be"},
		{"null in a list", "export function transformEvent(e) { return [e, null] }", "t.js: transformEvent returned null where an event should be"},
		{"a list in a list", "export function transformEvent(e) { return [[e]] }", "t.js: transformEvent returned a list where an event should be"},
		{"too many", "export function transformEvent(e) { return new Array(101).fill(e) }", "t.js: transformEvent returned 101 events, at most 100 are possible"},
		{"a circle", "export function transformEvent(e) { e.e = e; return e }", "TypeError: Converting circular structure to JSON"},
		{"toJSON", "export function transformEvent(e) { return { toJSON() { return 5 } } }", "t.js: returned what is no event: event is not a JSON object"},
		{"toJSON of nothing", "export function transformEvent(e) { return { toJSON() {} } }", "t.js: transformEvent returned undefined where an event should be"},
		{"no list of a batch", "export function transformBatch(e) { return e[0] }", "t.js: transformBatch returned an object of the class Object, want a list of events"},
		{"nothing of a batch", "export function transformBatch(e) { }", "t.js: transformBatch returned undefined, want a list of events"},
		{"too deep", "export function transformEvent(e) { let x = {}; for (let i = 0; i < 2000; i++) x = { x }; return x }", "nested too deep"},
		{"fetch", "export async function transformEvent(e) {\n  await fetch('https://example.com') }", "t.js:2: TypeError: fetch is not available: a transformation works with what the event brings"},
		{"something that is not there", "export function transformEvent(e) {\n  return require('fs') }", "t.js:2: ReferenceError: require is not defined"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := returned(t, map[string]string{"t.js": test.code})
			var failed *Failure
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, test.want) {
				t.Errorf("%q, %v; want %s", got, err, test.want)
			}
		})
	}
}
