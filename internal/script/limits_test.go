package script

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// TestBombs runs scripts that take too much. Afterwards the runner must work as before.
func TestBombs(t *testing.T) {
	const switched = `export function transformEvent(event) { if (event.event === "fine") return event; BOMB }`
	tests := []struct {
		name, bomb string
		want       string // pattern of the failure
	}{
		{"endless loop", "\nlet n = 0; while (true) { n++ }", `^t\.js:2: stopped after 100ms of processor time$`},
		{"endless loop that catches", "\nlet n = 0; for (;;) { try { for (;;) { n++ } } catch (e) {} finally { n = 0 } }", `^t\.js:2: stopped after 100ms of processor time$`},
		{"endless recursion", "\nconst f = () => f() + 1; f()", `^t\.js:2: RangeError: functions call each other more than 5000 deep$`},
		{"recursion through built-in functions", "\nconst f = () => [1].map(f); f()", `^t\.js:2: RangeError|stopped`},
		{"endless promises", "\nconst f = () => Promise.resolve().then(f); return f()", `stopped after 100ms of processor time`},
		{"an expression that backtracks", "\nreturn { ok: /^(?=a)(a+)+$/.test('a'.repeat(40) + 'b') }", `^t\.js: stopped after 100ms of processor time, inside of a built-in function$`},
		{"a list that grows", "\nconst list = []; for (;;) list.push({ a: [1, 2, 3], b: 'x' + list.length })", `stopped`},
		{"a text that doubles", "\nlet s = 'x'; for (;;) s += s", `stopped|it needs more than 64 MB of memory|ended twice`},
		{"one giant text", "\nreturn { s: 'x'.repeat(2 ** 30) }", `it needs more than 64 MB of memory|ended twice`},
		{"one giant list", "\nreturn { s: new Array(2 ** 28).fill(0) }", `stopped`},
		{"a giant buffer", "\nreturn { s: new Uint8Array(2 ** 30).length }", `it needs more than 64 MB of memory|ended twice`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := runner(t, load(t, strings.Replace(switched, "BOMB", test.bomb, 1)), Limits{Memory: 64 << 20})
			out, err := r.Transform(t.Context(), input(t, `{"type":"track","event":"bomb","userId":"u"}`))
			var failed *Failure
			if !errors.As(err, &failed) || !regexp.MustCompile(test.want).MatchString(failed.Message) {
				t.Errorf("%v, %v; want %s", out, err, test.want)
			}
			if out, err := r.Transform(t.Context(), input(t, `{"type":"track","event":"fine","userId":"u"}`)); err != nil || len(out.Events) != 1 {
				t.Errorf("afterwards: %v, %v", out, err)
			}
		})
	}
}
